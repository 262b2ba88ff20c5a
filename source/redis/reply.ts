import { UnreadableReplyError } from './errors.ts';

/**
 * What Redis answered, read as what was promised: the one place where a reply of unknown shape becomes a value.
 * `key` is what the reply is about, for the message; whoever knows it gives it.
 */

/**
 * A whole number, exact: from an integer reply or from digits.
 * @throws {UnreadableReplyError} also for numbers beyond 2^53, which would be rounded
 */
export function asInteger(reply: unknown, key?: string): number {
  const text = typeof reply === 'number' ? String(reply) : textOf(reply);
  if (text !== undefined && /^-?\d+$/.test(text)) {
    const value = Number(text);
    if (Number.isSafeInteger(value)) return value;
    throw new UnreadableReplyError('a whole number up to 2^53', reply, key);
  }
  throw new UnreadableReplyError('a whole number', reply, key);
}

/** A count, a moment or an id: a whole number from 0 up, exact. @throws {UnreadableReplyError} */
export function asCount(reply: unknown, key?: string): number {
  const value = asInteger(reply, key);
  if (value < 0) throw new UnreadableReplyError('a whole number from 0 up', reply, key);
  return value;
}

/** What `read` returns, or undefined where it cannot be read: for lists, in which one bad item hides no other. */
export function ifReadable<Value>(
  read: () => Value,
  onUnreadable: (error: UnreadableReplyError) => void,
): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnreadableReplyError)) throw error;
    onUnreadable(error);
    return undefined;
  }
}

export function asOptionalInteger(reply: unknown, key?: string): number | undefined {
  return isNothing(reply) ? undefined : asInteger(reply, key);
}

/** A number as Redis writes scores: with a fraction, an exponent, `inf` or `-inf`. */
export function asNumber(reply: unknown, key?: string): number {
  if (typeof reply === 'number') return reply;
  const text = textOf(reply);
  if (text === 'inf' || text === '+inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  if (text !== undefined && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) return Number(text);
  throw new UnreadableReplyError('a number', reply, key);
}

export function asText(reply: unknown, key?: string): string {
  const text = typeof reply === 'number' ? String(reply) : textOf(reply);
  if (text === undefined) throw new UnreadableReplyError('a text', reply, key);
  return text;
}

export function asOptionalText(reply: unknown, key?: string): string | undefined {
  return isNothing(reply) ? undefined : asText(reply, key);
}

export function asArray(reply: unknown, key?: string): readonly unknown[] {
  if (!Array.isArray(reply)) throw new UnreadableReplyError('an array', reply, key);
  return reply;
}

export function asTexts(reply: unknown, key?: string): readonly string[] {
  return asArray(reply, key).map((item) => asText(item, key));
}

export function asIntegers(reply: unknown, key?: string): readonly number[] {
  return asArray(reply, key).map((item) => asInteger(item, key));
}

/** The name before each value of a flat reply, or of a map in RESP3: as pairs, in their order. */
export function asPairs(reply: unknown, key?: string): readonly (readonly [name: string, value: unknown])[] {
  if (reply instanceof Map) return [...reply].map(([name, value]) => [asText(name, key), value]);
  if (typeof reply === 'object' && reply !== null && !Array.isArray(reply)) return Object.entries(reply);
  const flat = asArray(reply, key);
  if (flat.length % 2 !== 0) throw new UnreadableReplyError('pairs', reply, key);
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    asText(flat[2 * index], key),
    flat[2 * index + 1],
  ]);
}

function isNothing(reply: unknown): reply is null | undefined {
  return reply === null || reply === undefined;
}

function textOf(reply: unknown): string | undefined {
  if (typeof reply === 'string') return reply;
  return Buffer.isBuffer(reply) ? reply.toString() : undefined;
}
