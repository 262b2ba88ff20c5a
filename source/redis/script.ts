import { createHash } from 'node:crypto';
import { Command } from 'ioredis';
import type { Client } from './client.ts';
import { retryAborted } from './retry-aborted.ts';

export type ScriptArgument = string | number | Buffer;

export type ScriptOptions<Reply> = {
  /** The text of a `.lua` file whose header lists every KEYS, every ARGV and the reply. */
  readonly lua: string;
  /** From what Redis answered to what callers get; throws on a reply the header does not promise. */
  readonly parse: (reply: unknown) => Reply;
  /** Ask for Buffers instead of strings: for values that need not be UTF-8. */
  readonly binary?: boolean;
  /** Send at once, past autopipelining: for what is batched already, where waiting for the next tick only costs. */
  readonly immediate?: boolean;
};

export type Script<Reply> = (
  client: Client,
  keys: readonly string[],
  args: readonly ScriptArgument[],
) => Promise<Reply>;

/**
 * Turns a Lua file into a typed function of one round trip.
 *
 * The number of keys is always declared. The first call on a client sends the text (which loads it), later ones
 * the digest; NOSCRIPT after a restart, a failover or SCRIPT FLUSH is answered by sending the text again. What
 * was in flight when a connection broke is sent again, by ioredis or here, so the script may run twice: it must be
 * written for that.
 */
export function defineScript<Reply>({
  lua,
  parse,
  binary = false,
  immediate = false,
}: ScriptOptions<Reply>): Script<Reply> {
  const digest = createHash('sha1').update(lua).digest('hex');
  const loaded = new WeakSet<Client>();

  return async (client, keys, args) => {
    const words = [keys.length, ...keys, ...args] as const;
    const sendText = () =>
      retryAborted(() =>
        binary ? client.callBuffer('EVAL', lua, ...words) : client.call('EVAL', lua, ...words),
      );
    const sendDigest = () => {
      if (immediate) return sendNow(client, [digest, ...words], binary);
      return retryAborted(() =>
        binary ? client.callBuffer('EVALSHA', digest, ...words) : client.evalsha(digest, ...words),
      );
    };
    if (!loaded.has(client)) {
      loaded.add(client);
      return parse(await sendText());
    }
    try {
      return parse(await sendDigest());
    } catch (error) {
      if (!isMissingScript(error)) throw error;
      return parse(await sendText());
    }
  };
}

/** A command outside of any batch: ioredis itself resends it, in its order. */
function sendNow(client: Client, words: readonly ScriptArgument[], binary: boolean): Promise<unknown> {
  const command = new Command('evalsha', words.map(asText), { replyEncoding: binary ? null : 'utf8' });
  return client.sendCommand(command) as Promise<unknown>;
}

function asText(argument: ScriptArgument): string | Buffer {
  return typeof argument === 'number' ? String(argument) : argument;
}

function isMissingScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
