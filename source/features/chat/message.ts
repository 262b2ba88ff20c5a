import { cutMark } from '../../ui/format.ts';

/**
 * What a room stores: JSON in the shape of Redis in Action, `{"id": 7, "ts": 1795187586.852076, "sender": "ann", "message": "hi"}`
 * with `ts` in float seconds, under the message's id as its score. The score is the truth about the id.
 */
export type Message = {
  readonly id: number;
  /** Epoch ms. */
  readonly at: number;
  readonly sender: string;
  readonly message: string;
};

/** Something else in the message's place: reported, and passed over. */
export type Malformed = {
  readonly id: number;
  /** What was found, at most 200 characters of it; of a very long text also how long it is. */
  readonly malformed: string;
};

export type Entry = Message | Malformed;

export function isMalformed(entry: Entry): entry is Malformed {
  return 'malformed' in entry;
}

/** Reads one stored member; never throws. */
export function parseEntry(stored: string, id: number): Entry {
  const { ts, sender, message } = parseObject(stored);
  if (typeof ts !== 'number' || !Number.isFinite(ts) || !isText(sender) || !isText(message)) {
    return { id, malformed: shown(stored) };
  }
  // By way of whole microseconds, which is what was stored: the same millisecond that the sender got.
  const at = Math.floor(Math.round(ts * 1e6) / 1000);
  return { id, at, sender: String(sender), message: String(message) };
}

/** Reads a reply of JSON and score in turns, as ZRANGE WITHSCORES gives them. */
export function parseEntries(reply: readonly string[]): Entry[] {
  const entries: Entry[] = [];
  for (let index = 0; index + 1 < reply.length; index += 2) {
    entries.push(parseEntry(reply[index] ?? '', Number(reply[index + 1])));
  }
  return entries;
}

/** What is too long to be a message comes as its length and its beginning. */
function shown(stored: string): string {
  const [, length, beginning] = /^(\d{6,}):(.*)$/s.exec(stored) ?? [];
  if (length === undefined) return stored.slice(0, 200);
  return `${beginning?.slice(0, 200)}${cutMark(Number(length))}`;
}

export function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Other programs may have used numbers for names. */
function isText(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}
