import * as v from 'valibot';
import { QuarterdeckError } from '../../errors.ts';
import type { Ack } from '../../need.ts';
import type { Client } from '../../redis/client.ts';
import { hashPages } from '../../redis/hash-pages.ts';
import { singleKey } from '../../redis/keys.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { formatBytes } from '../../ui/format.ts';

/**
 * Who is on which need: the hash `quarterdeck:acks`, from the need's id to JSON. Every console shows them. It expires
 * with the last of them, and losing it loses only that.
 */

export const acksKey = singleKey('quarterdeck:', 'acks');
/** Nobody acknowledges as many by hand; what a stranger wrote is not read without end. */
const mostAcks = 1000;
const longestText = 400;
/** Bytes of an id with what is said of it: ours are shorter, however their characters are written. */
const longestAck = 8192;
const mostBytes = 262_144;

const schema = v.object({
  by: v.pipe(v.string(), v.maxLength(longestText)),
  note: v.pipe(v.string(), v.maxLength(longestText)),
  atMs: v.number(),
  untilMs: v.number(),
  severity: v.picklist(['bad', 'warn']),
  figure: v.optional(v.number()),
});

/** The hash holds more than people write, and none of it is heeded: what somebody is on is shown as open. */
export class TooManyAcksError extends QuarterdeckError {
  constructor(held: string) {
    super('data', 'TOO_MANY_ACKS', `Key \`${acksKey}\` holds ${held}`, {
      hint: `See who writes there; \`redis-cli DEL ${acksKey}\` takes all of them back`,
    });
  }
}

export class AckTooLongError extends QuarterdeckError {
  constructor() {
    super(
      'usage',
      'ACK_TOO_LONG',
      `A note, and the name of who is on it, have at most ${longestText} characters each`,
      {
        hint: 'Write the rest into a chat room',
      },
    );
  }
}

/**
 * By the needs' ids; what does not look like one is left out.
 * @throws {WrongTypeError | TooManyAcksError}
 */
export async function readAcks(client: Client): Promise<ReadonlyMap<string, Ack>> {
  const length = await typed(
    client,
    { [acksKey]: 'hash' },
    retryAborted(() => client.hlen(acksKey)),
  );
  if (length > mostAcks) throw new TooManyAcksError(`${length} acknowledgements, more than ${mostAcks}`);
  const acks = new Map<string, Ack>();
  if (length === 0) return acks;
  let bytes = 0;
  for await (const { entries } of hashPages(client, acksKey, { longest: longestAck })) {
    for (const [id, text] of entries) {
      bytes += Buffer.byteLength(id) + Buffer.byteLength(text);
      const ack = parsed(text);
      if (ack) acks.set(id, ack);
    }
    if (bytes > mostBytes) throw new TooManyAcksError(`over ${formatBytes(mostBytes)} of acknowledgements`);
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

/** @throws {WrongTypeError | AckTooLongError} */
export async function writeAck(client: Client, id: string, ack: Ack): Promise<void> {
  if (!v.is(schema, ack)) throw new AckTooLongError();
  const text = JSON.stringify(ack);
  await typed(
    client,
    { [acksKey]: 'hash' },
    retryAborted(() => client.hset(acksKey, id, text)),
  );
  // Written twice it is the same; it must live as long as the longest of them.
  await retryAborted(() => client.pexpireat(acksKey, Math.ceil(ack.untilMs) + 60_000, 'GT'));
  await retryAborted(() => client.pexpireat(acksKey, Math.ceil(ack.untilMs) + 60_000, 'NX'));
}

/** False: nobody was on it. */
export async function removeAck(client: Client, id: string): Promise<boolean> {
  return (await retryAborted(() => client.hdel(acksKey, id))) === 1;
}
