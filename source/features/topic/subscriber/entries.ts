import type { Redis } from 'ioredis';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { formatBytes } from '../../../ui/format.ts';
import type { AwaitRequest, Item, Place, Read } from '../layout.ts';
import { largestReplyBytes } from '../sizes.ts';

/** With what the stream adds, just under one of the allocator's sizes: 100-byte messages then take 0.93x a stream's. */
const entryLength = 7950;

/** Kind and body of each entry. Entries of this size fill the stream's nodes and the allocator's classes best. */
export function entriesOf(messages: readonly string[]): string[] {
  const [only] = messages;
  if (messages.length === 1 && only !== undefined) return ['m', only];
  const entries: string[] = [];
  let first = 0;
  let length = 0;
  for (const [index, message] of messages.entries()) {
    // In JSON each message takes two quotes and a comma more.
    length += message.length + 3;
    if (length > entryLength && index > first) {
      entries.push(`f${index - first}`, JSON.stringify(messages.slice(first, index)));
      first = index;
      length = message.length + 3;
    }
  }
  const rest = first === 0 ? messages : messages.slice(first);
  entries.push(`f${rest.length}`, JSON.stringify(rest));
  return entries;
}

export type Entry = readonly [id: string, fields: readonly string[]];

/**
 * The messages after `seen` in these entries: the first entry may hold some before it.
 * @param isCut entries that are too large come as `l<count>` with their length
 */
export function decode(entries: readonly Entry[], seen: number, isCut = false): Read {
  const items: Item[] = [];
  let before: Place | undefined;
  let place: Place | undefined;
  let bytes = 0;
  for (const [entry, [kind = '', body = '']] of entries) {
    const isLarge = isCut && kind.startsWith('l');
    const count = kind === 'm' ? 1 : Number((isLarge ? /^l(\d+)$/ : /^f(\d+)$/).exec(kind)?.[1]);
    // Another program's entry bears no id of ours.
    if (Number.isNaN(count)) continue;
    const dash = entry.indexOf('-');
    const at = Number(entry.slice(0, dash));
    const last = Number(entry.slice(dash + 1));
    bytes += body.length;
    before ??= { id: last - count, at };
    place = { id: last, at };
    if (kind === 'm') {
      items.push({ id: last, at, message: body });
      continue;
    }
    const frame = isLarge ? undefined : frameIn(body, count);
    // What cannot be read is not passed over without a word.
    if (!frame) {
      const size = isLarge ? formatBytes(Number(body)) : '';
      const reason = isLarge ? `larger than messages can be (${size}, cut)` : 'they cannot be read';
      items.push({ gap: { from: Math.max(seen, last - count) + 1, to: last, reason } });
    }
    let id = last - count;
    for (const message of frame ?? []) {
      id += 1;
      if (id > seen) items.push({ id, at, message });
    }
  }
  return { items, bytes, before, last: place };
}

function frameIn(body: string, count: number): readonly string[] | undefined {
  try {
    const frame: unknown = JSON.parse(body);
    const isFrame =
      Array.isArray(frame) && frame.length === count && frame.every((one) => typeof one === 'string');
    return isFrame ? frame : undefined;
  } catch {
    return;
  }
}

/** The next entries of a stream; none when none comes in time, or when they are so large that they are left to a turn. */
export async function awaitEntries(
  connection: Redis,
  key: string,
  { after, step, withinMs }: AwaitRequest,
): Promise<Read> {
  const start = `${after.at}-${after.id}`;
  // Closed below.
  if (connection.status === 'end') await connection.connect();
  let [bytes, isFlooded] = [0, false];
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= largestReplyBytes || isFlooded) return;
    isFlooded = true;
    connection.disconnect();
    connection.stream.destroy();
  };
  const watch = (): void => {
    bytes = 0;
    connection.stream.on('data', count);
  };
  // Over each connection that it is sent on.
  connection.on('connect', watch);
  const { stream } = connection;
  stream?.on('data', count);
  try {
    const reply = await retryAborted(() =>
      connection.xread('COUNT', step, 'BLOCK', withinMs, 'STREAMS', key, start),
    );
    return decode(reply?.[0]?.[1] ?? [], after.id);
  } catch (error) {
    if (!isFlooded) throw error;
    return { items: [], bytes: 0 };
  } finally {
    connection.off('connect', watch);
    stream?.off('data', count);
    connection.stream?.off('data', count);
  }
}
