import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { requireName } from '../../../values.ts';
import { NotExpectedError, UnknownChannelError } from './errors.ts';
import forgetLua from './forget.lua';
import { budgetChannel, channelKeys, counterKey, dataKey, publishCommand, seenKeys } from './keys.ts';
import { idsOf, parseEntry, scanHash } from './ledger.ts';
import { replyWords } from './reply.ts';
import unwantLua from './stop-expecting.lua';

/**
 * Takes a consumer out of a channel's run: nothing waits for it any more, and what only it was missing is freed.
 * Resolves to how many bytes that was. It is expected again in the next run.
 *
 * A consumer that only INCRs is taken not to have counted what it fetched and others have not finished.
 * @throws {UnknownChannelError | NotExpectedError}
 */
export async function forget(redis: Client, channel: string, id: string): Promise<number> {
  requireName(id);
  const keys = channelKeys(redis, channel);
  const reply = await forgetScript(
    redis,
    [keys.settings, keys.who, keys.members, keys.messages, ...seenKeys(redis, id)],
    [channel, id],
  );
  if (reply[0] === 'unknown') throw new UnknownChannelError(channel);
  const parts: string[] = [];
  for await (const [part, json] of scanHash(redis, keys.parts)) {
    if (parseEntry(json)?.want.includes(` ${id} `)) parts.push(part);
  }
  // Sent again, or cut short the last time, it has been forgotten and may still be waited for.
  if (reply[0] === 'unexpected' && parts.length === 0) {
    throw new NotExpectedError(channel, id, idsOf(reply[1]));
  }
  // In the next run it begins with whole lines.
  for await (const [field] of scanHash(redis, keys.carry)) {
    if (field.startsWith(`${id}:`)) await retryAborted(() => redis.hdel(keys.carry, field));
  }
  for await (const [field] of scanHash(redis, keys.aside)) {
    if (field.startsWith(`${id}:`)) await retryAborted(() => redis.hdel(keys.aside, field));
  }
  let freedBytes = 0;
  for (let i = 0; i < parts.length; i += 100) {
    const page = parts.slice(i, i + 100);
    freedBytes += await unwantScript(
      redis,
      [keys.settings, keys.parts, ...page.flatMap((part) => [dataKey(keys, part), counterKey(keys, part)])],
      [id, publishCommand(redis), budgetChannel(keys), ...page],
    );
  }
  return freedBytes;
}

const forgetScript = defineScript({ lua: forgetLua, parse: (reply) => replyWords(reply).map(String) });
const unwantScript = defineScript({ lua: unwantLua, parse: Number });
