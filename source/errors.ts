/**
 * What sort of failure this is. `cli.tsx` alone turns it into an exit code:
 * `usage` 2, `connection` 3, `data` 4, `program` 5.
 */
export type ErrorKind = 'usage' | 'connection' | 'data' | 'program';

export type ErrorOptionsWithHint = { readonly hint?: string; readonly cause?: unknown };

/**
 * The base of every failure a user can cause. A subclass lives in the folder that throws it, takes data and
 * composes its own sentence: what happened, to which key or file; the hint says what to do next.
 */
export class QuarterdeckError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptionsWithHint = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
  }
}

/** Whether this is one of ours; the console, a bundle apart, has its own copy of these classes. */
export function isOurs(thrown: unknown): thrown is QuarterdeckError {
  return thrown instanceof Error && 'kind' in thrown && 'code' in thrown && 'hint' in thrown;
}

/** Bad words on the command line, in the environment or in the config file. */
export class UsageError extends QuarterdeckError {
  constructor(message: string, options: ErrorOptionsWithHint & { readonly code?: string } = {}) {
    super('usage', options.code ?? 'USAGE', message, options);
  }
}

/** The key holds another type than this feature's: somebody else's data, never overwritten. */
export class WrongTypeError extends QuarterdeckError {
  constructor(key: string, expected: string, options: ErrorOptionsWithHint = {}) {
    super('data', 'WRONG_TYPE', `Key \`${key}\` does not hold a ${expected}; it belongs to something else`, {
      hint: `Look at it with \`redis-cli TYPE ${key}\`, then choose another name or move that key away`,
      ...options,
    });
  }
}

/** The text of whatever was thrown, for messages and status lines. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
