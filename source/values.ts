import * as v from 'valibot';
import { UsageError } from './errors.ts';

/**
 * The kinds of value that flags, operands, the environment and the config file share, as schemas from text.
 */

const millisecondsPer: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const bytesPer: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const noDuration = (given: unknown): string =>
  `Expected a duration such as 250ms, 10s, 5m, 24h or 7d, got \`${given}\``;

/** `250ms`, `10s`, `5m`, `24h`, `7d` -> milliseconds. */
export const durationMs = v.pipe(
  v.string(({ input }) => noDuration(input)),
  v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(dataset.value);
    const unit = millisecondsPer[match?.[2] ?? ''];
    if (match?.[1] === undefined || unit === undefined) {
      addIssue({ message: noDuration(dataset.value) });
      return NEVER;
    }
    const ms = Math.round(Number(match[1]) * unit);
    if (Number.isSafeInteger(ms)) return ms;
    addIssue({ message: `Expected a duration of at most 104249991d, got \`${dataset.value}\`` });
    return NEVER;
  }),
);

/** A duration that is waited for: a timer set further than 2^31 ms ahead would go off at once. */
export const waitMs = v.pipe(
  durationMs,
  v.maxValue(24 * 86_400_000, 'Expected a duration of at most 24d, as far as a timer counts'),
);

/** `512KiB`, `64MiB`, `1GiB`, plain bytes -> bytes. */
export const sizeBytes = v.pipe(
  v.string(),
  v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
    const match = /^(\d+(?:\.\d+)?)\s?([KMGT]iB|B)?$/.exec(dataset.value);
    const unit = bytesPer[match?.[2] ?? ''];
    if (match?.[1] === undefined || unit === undefined) {
      addIssue({
        message: `Expected a size such as 512KiB, 64MiB, 1GiB or plain bytes, got \`${dataset.value}\``,
      });
      return NEVER;
    }
    const bytes = Math.floor(Number(match[1]) * unit);
    if (Number.isSafeInteger(bytes)) return bytes;
    addIssue({ message: `Expected a size of less than 8192TiB, got \`${dataset.value}\`` });
    return NEVER;
  }),
);

/** A whole number in a range, from text. */
export function wholeNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
      const value = /^-?\d+$/.test(dataset.value) ? Number(dataset.value) : Number.NaN;
      if (!(value >= min && value <= max)) {
        const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
        addIssue({ message: `Expected a whole number ${range}, got \`${dataset.value}\`` });
        return NEVER;
      }
      return value === 0 ? 0 : value;
    }),
  );
}

const longestName = 512;

/**
 * Why this is no name of a room, a lock, a series, a member ...; undefined if it is one. A name is text of 1 to 512
 * bytes with any characters; half of a surrogate pair would become another character on its way to Redis, and two names
 * one.
 */
export function nameMistake(value: unknown, longest = longestName): string | undefined {
  if (typeof value !== 'string') return `Expected a name, got ${described(value)}`;
  if (value === '') return 'Expected a name, got nothing';
  if (Buffer.byteLength(value) > longest) return `Expected a name of at most ${longest} bytes`;
  return value.isWellFormed()
    ? undefined
    : 'Expected a name of whole characters, got half of a surrogate pair';
}

/** The same as what is said of it behind `got ...:`. */
export function nameFault(value: unknown): string | undefined {
  if (nameMistake(value) === undefined) return;
  if (typeof value !== 'string') return 'it is no text';
  if (value === '') return 'it is empty';
  return value.isWellFormed()
    ? `it is longer than ${longestName} bytes`
    : 'it holds half of a surrogate pair';
}

/** @throws {UsageError} when this is no name */
export function requireName(value: unknown): asserts value is string {
  const mistake = nameMistake(value);
  if (mistake !== undefined) throw new UsageError(mistake);
}

export const name = v.pipe(
  v.string(),
  v.check(
    (value) => nameMistake(value) === undefined,
    ({ input }) => nameMistake(input) ?? '',
  ),
);

/** What a caller without types gave, for a message: never long, and no method of theirs is called. */
export function described(value: unknown): string {
  if (typeof value === 'string')
    return `\`${value.length > mostDescribed ? `${value.slice(0, mostDescribed)}…` : value}\``;
  if (typeof value === 'symbol' || typeof value === 'function') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return `\`${String(value)}\``;
  return Array.isArray(value) ? 'an array' : 'an object';
}

const mostDescribed = 80;

/**
 * An option of a caller that counts something or lasts so long: a whole number, exact, in a range.
 * @throws {UsageError} naming the option and what was given for it
 */
export function requireWhole(
  option: string,
  value: unknown,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): asserts value is number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  throw new UsageError(`Expected \`${option}\` to be a whole number ${range}, got ${described(value)}`);
}

/** A time that a timer counts: one set further ahead would go off at once, again and again. */
export const timerRange = { min: 1, max: 2 ** 31 - 1 } as const;

/** Text of a caller: of any length, of whole characters. @throws {UsageError} naming the option */
export function requireText(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string')
    throw new UsageError(`Expected \`${option}\` to be a text, got ${described(value)}`);
  if (!value.isWellFormed())
    throw new UsageError(
      `Expected \`${option}\` to be of whole characters, got half of a surrogate pair in it`,
    );
}

/** Each option of these that was given. @throws {UsageError} */
export function requireWholes(
  options: Readonly<Record<string, unknown>>,
  range: { readonly min?: number; readonly max?: number } = {},
): void {
  for (const [option, value] of Object.entries(options))
    if (value !== undefined) requireWhole(option, value, range);
}

/** A switch: a real boolean from flags and JSON; `1 true yes on` / `0 false no off` from the environment. */
export const switchValue = v.union(
  [
    v.boolean(),
    v.pipe(
      v.picklist(['1', 'true', 'yes', 'on', '0', 'false', 'no', 'off']),
      v.transform((word) => ['1', 'true', 'yes', 'on'].includes(word)),
    ),
  ],
  'Expected true or false',
);

/** A regular expression, as JavaScript writes them without the slashes. */
export const pattern = v.pipe(
  v.string(),
  v.nonEmpty('Expected a regular expression, got nothing'),
  v.rawTransform<string, RegExp>(({ dataset, addIssue, NEVER }) => {
    try {
      return new RegExp(dataset.value, 'u');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      addIssue({ message: `Expected a regular expression: ${why}` });
      return NEVER;
    }
  }),
);
