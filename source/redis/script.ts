import { createHash } from 'node:crypto';
import { assertSupported, type Client } from './client.ts';
import { commandsIn, refusedScript } from './refusals.ts';
import { retryAborted } from './retry-aborted.ts';
import { unbatched } from './unbatched.ts';

export type ScriptArgument = string | number | Buffer;

export type ScriptOptions<Reply> = {
  /** The text of a `.lua` file whose header lists every KEYS, every ARGV and the reply. */
  readonly lua: string;
  /** From what Redis answered to what callers get; throws on a reply the header does not promise. */
  readonly parse: (reply: unknown) => Reply;
  /** Ask for Buffers instead of strings: for values that need not be UTF-8. Never batched. */
  readonly binary?: boolean;
  /** Send at once, past autopipelining: for what is batched already, where waiting for the next tick only costs. */
  readonly immediate?: boolean;
};

/**
 * @throws {UnsupportedClientError} at the first call on a client whose options change names or replies
 * @throws {DeniedError | UnsupportedServerError} naming the right, or the ability, that is missing
 */
export type Script<Reply> = (
  client: Client,
  keys: readonly string[],
  args: readonly ScriptArgument[],
) => Promise<Reply>;

type Words = readonly ScriptArgument[];
type Send = (client: Client, command: 'eval' | 'evalsha', script: string, words: Words) => Promise<unknown>;

/** Clients whose user may run EVAL and not EVAL_RO: rights that were given before reading scripts went that way. */
const withoutReadOnly = new WeakSet<Client>();

/**
 * Turns a Lua file into a typed function of one round trip.
 *
 * The number of keys is always declared. The first call on a client sends the text (which loads it), later ones
 * the digest; NOSCRIPT after a restart, a failover or SCRIPT FLUSH is answered by sending the text again. What
 * was in flight when a connection broke is sent again, by ioredis or here, so the script may run twice: it must be
 * written for that. What says `flags=no-writes` goes as EVAL_RO, for which a user needs to read the keys and no more.
 */
export function defineScript<Reply>({
  lua: source,
  parse,
  binary = false,
  immediate = false,
}: ScriptOptions<Reply>): Script<Reply> {
  const isReading = /^#!lua flags=\S*\bno-writes\b/.test(source);
  // Made when the script first runs: of eighty that a program loads, most never do.
  let text: string | undefined;
  let digest: string | undefined;
  const luaOf = (): string => {
    text ??= withRightsChecked(source);
    return text;
  };
  const digestOf = (): string => {
    digest ??= createHash('sha1').update(luaOf()).digest('hex');
    return digest;
  };
  const loaded = new WeakSet<Client>();

  const send: Send = async (client, command, script, words) => {
    const name = isReading && !withoutReadOnly.has(client) ? `${command}_ro` : command;
    const sendOnce = (): Promise<unknown> =>
      binary || immediate
        ? unbatched(client, name, binary)(script, ...words)
        : client.call(name, script, ...words);
    return await retryAborted(sendOnce, asItCame);
  };
  const run = async (client: Client, words: Words): Promise<unknown> => {
    if (loaded.has(client)) {
      try {
        return await send(client, 'evalsha', digestOf(), words);
      } catch (error) {
        if (!isMissingScript(error)) throw error;
      }
    }
    loaded.add(client);
    return await send(client, 'eval', luaOf(), words);
  };

  return async (client, keys, args) => {
    assertSupported(client);
    const words: Words = [keys.length, ...keys, ...args];
    let reply: unknown;
    try {
      reply = await run(client, words);
    } catch (error) {
      if (!isReading || withoutReadOnly.has(client) || !isReadOnlyDenied(error))
        throw await refusedScript(client, error, { lua: luaOf(), keys });
      withoutReadOnly.add(client);
      reply = await run(client, words);
    }
    return parse(reply);
  };
}

/**
 * The script, with a look at the user's rights before it does anything: one that stopped half-way at a command it may
 * not run would leave half of its work behind. What the script itself catches, such as a notification, is not needed.
 * It stands on the second line, before the comment there, so that lines keep their numbers.
 */
export function withRightsChecked(lua: string): string {
  const commands = commandsIn(lua, true);
  if (/^#!lua flags=\S*\bno-writes\b/.test(lua) || commands.length < 2) return lua;
  const check = (name: string): string => `c(${wordsToCheck(name).join(',')})`;
  const all = commands.map(check).join('and ');
  const naming = commands.map((name) => `not ${check(name)} and'${name}'`).join(' or ');
  const refusal = `"NOPERM this user has no permissions to run the '"..(${naming}).."' command"`;
  const look = `do local c,k=redis.acl_check_cmd,KEYS[1] if c and k and not(${all}) then return redis.error_reply(${refusal}) end end`;
  return lua.replace('\n', `\n${look} `);
}

/** With how many words a command is complete, its own included, where that is not its name and one key. */
const countOfWords: Readonly<Record<string, number>> = {
  TIME: 1,
  ...countOf(
    3,
    'HDEL HEXISTS HGET HMGET HSCAN HSTRLEN INCRBY LINDEX PEXPIRE PEXPIREAT RENAME SET ZRANK ZREM ZSCORE',
  ),
  ...countOf(3, 'APPEND EXPIRE LPUSH PUBLISH RPUSH SADD SREM ZMSCORE ZREVRANK ZSCAN'),
  ...countOf(
    4,
    'GETRANGE HINCRBY HSET SETRANGE XRANGE XREVRANGE XTRIM ZADD ZCOUNT ZINCRBY ZRANGE ZRANGEBYSCORE',
  ),
  ...countOf(4, 'HSETNX LRANGE LTRIM ZREMRANGEBYRANK ZREMRANGEBYSCORE'),
  XADD: 5,
};

function countOf(count: number, names: string): Readonly<Record<string, number>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, count]));
}

/**
 * A command as Lua words, complete: newer servers refuse to judge one that lacks some. The name in quotes, then `k`, the
 * script's first key, as often as it takes.
 */
export function wordsToCheck(name: string): readonly string[] {
  const named = name.split(' ').map((word) => `'${word}'`);
  const count = countOfWords[name] ?? named.length + 1;
  return [...named, ...Array.from({ length: count - named.length }, () => 'k')];
}

/** Only what runs the script can find out what in it was refused. */
function asItCame(error: unknown): unknown {
  return error;
}

function isMissingScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** Denied is the command itself, not what the script calls. */
function isReadOnlyDenied(error: unknown): boolean {
  return error instanceof Error && /^NOPERM.*'eval(sha)?_ro'/i.test(error.message);
}
