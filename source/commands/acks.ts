import * as v from 'valibot';
import type { Ack } from '../need.ts';
import type { Client } from '../redis/client.ts';
import { singleKey } from '../redis/keys.ts';
import { retryAborted } from '../redis/retry-aborted.ts';
import { typed } from '../redis/wrong-type.ts';

/**
 * Who is on which need: the hash `quarterdeck:acks`, from the need's id to JSON. Every console shows them. It expires
 * with the last of them, and losing it loses only that.
 */

const key = singleKey('quarterdeck:', 'acks');
/** Nobody acknowledges as many by hand; what a stranger wrote is not read without end. */
const mostAcks = 1000;
const longestText = 400;

const schema = v.object({
  by: v.pipe(v.string(), v.maxLength(longestText)),
  note: v.pipe(v.string(), v.maxLength(longestText)),
  atMs: v.number(),
  untilMs: v.number(),
  severity: v.picklist(['bad', 'warn']),
  figure: v.optional(v.number()),
});

/** By the needs' ids; what does not look like one is left out. */
export async function readAcks(client: Client): Promise<ReadonlyMap<string, Ack>> {
  const length = await typed(
    client,
    { [key]: 'hash' },
    retryAborted(() => client.hlen(key)),
  );
  if (length === 0 || length > mostAcks) return new Map();
  const found = await retryAborted(() => client.hgetall(key));
  const acks = new Map<string, Ack>();
  for (const [id, text] of Object.entries(found)) {
    const ack = parsed(text);
    if (ack) acks.set(id, ack);
  }
  return acks;
}

function parsed(text: string): Ack | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    // Anybody may write there.
    return;
  }
}

/** @throws {WrongTypeError} */
export async function writeAck(client: Client, id: string, ack: Ack): Promise<void> {
  const note = ack.note.slice(0, longestText);
  const text = JSON.stringify({ ...ack, note });
  await typed(
    client,
    { [key]: 'hash' },
    retryAborted(() => client.hset(key, id, text)),
  );
  // Written twice it is the same; it must live as long as the longest of them.
  await retryAborted(() => client.pexpireat(key, Math.ceil(ack.untilMs) + 60_000, 'GT'));
  await retryAborted(() => client.pexpireat(key, Math.ceil(ack.untilMs) + 60_000, 'NX'));
}

/** False: nobody was on it. */
export async function removeAck(client: Client, id: string): Promise<boolean> {
  return (await retryAborted(() => client.hdel(key, id))) === 1;
}
