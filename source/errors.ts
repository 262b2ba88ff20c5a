import { shellWord } from './shell-word.ts';
import { withoutPasswords } from './url.ts';

/**
 * What sort of failure this is. `cli.tsx` alone turns it into an exit code:
 * `usage` 2, `connection` 3, `data` 4, `program` 5.
 */
export type ErrorKind = 'usage' | 'connection' | 'data' | 'program';

export type ErrorOptionsWithHint = {
  readonly hint?: string;
  readonly cause?: unknown;
  /** Whether the same call may succeed later without anybody changing anything; false unless said. */
  readonly isRetryable?: boolean;
};

/** On every error of ours, of whichever copy of this package: a program may have two. */
const brand = Symbol.for('quarterdeck.error');

/**
 * The base of every failure a user can cause. A subclass lives in the folder that throws it, takes data and
 * composes its own sentence: what happened, to which key or file; the hint says what to do next.
 */
export class QuarterdeckError extends Error {
  readonly kind: ErrorKind;
  /** Stable, for programs: `LOCK_LOST`, `REDIS_UNREACHABLE` ... */
  readonly code: string;
  readonly hint: string | undefined;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly isRetryable: boolean;

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptionsWithHint = {}) {
    // Whatever was typed in the wrong place may be repeated, but for a password in it.
    super(withoutPasswords(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
    this.isRetryable = options.isRetryable ?? false;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether this is an error of Quarterdeck; also true for one that another copy of the package threw. */
  static is(thrown: unknown): thrown is QuarterdeckError {
    return thrown instanceof Error && brand in thrown;
  }
}

/** Bad words on the command line, in the environment or in the config file; a bad argument of a call. */
export class UsageError extends QuarterdeckError {
  constructor(message: string, options: ErrorOptionsWithHint & { readonly code?: string } = {}) {
    super('usage', options.code ?? 'USAGE', message, options);
  }
}

/** The key holds another type than this feature's: somebody else's data, never overwritten. */
export class WrongTypeError extends QuarterdeckError {
  readonly key: string;

  constructor(key: string, expected: string, options: ErrorOptionsWithHint = {}) {
    super('data', 'WRONG_TYPE', `Key \`${key}\` does not hold a ${expected}; it belongs to something else`, {
      hint: `Look at it with \`redis-cli TYPE ${shellWord(key)}\`, then choose another name or move that key away`,
      ...options,
    });
    this.key = key;
  }
}

/** This Redis client cannot be used; the message names the option or the library that is in the way. */
export class UnsupportedClientError extends QuarterdeckError {
  constructor(detail: string, options: ErrorOptionsWithHint = {}) {
    super('usage', 'UNSUPPORTED_CLIENT', `This Redis client cannot be used: ${detail}`, {
      hint: 'Pass a client of ioredis (5.11 or newer) or iovalkey without `keyPrefix`, `stringNumbers` and `scaleReads`',
      ...options,
    });
  }
}

/** The server is too old, or lacks or refuses what the call needs. */
export class UnsupportedServerError extends QuarterdeckError {
  readonly missing: readonly string[];

  constructor(
    message: string,
    missing: readonly string[],
    options: ErrorOptionsWithHint & { readonly code?: string } = {},
  ) {
    super('connection', options.code ?? 'UNSUPPORTED_SERVER', message, options);
    this.missing = missing;
  }
}

/** The user's rights on the server (ACL) do not allow a command, a key or a channel. */
export class DeniedError extends QuarterdeckError {
  readonly what: 'command' | 'key' | 'channel';
  /** Its name, where the server says it or it can be found out. */
  readonly denied: string | undefined;

  constructor(what: DeniedError['what'], denied: string | undefined, options: ErrorOptionsWithHint = {}) {
    const named = denied === undefined ? `a ${what}` : `the ${what} \`${denied}\``;
    super('connection', 'REDIS_DENIED', `Redis does not allow this user ${named}`, {
      hint: 'Have it granted (`ACL WHOAMI` says who you are, `ACL LOG` what was refused)',
      ...options,
    });
    this.what = what;
    this.denied = denied;
  }
}

/** An optional package is not installed, which this needs. */
export class MissingPackageError extends QuarterdeckError {
  /** Its name on npm. */
  readonly package: string;

  constructor(name: string, purpose: string, options: ErrorOptionsWithHint = {}) {
    super('usage', 'PACKAGE_MISSING', `${purpose} needs the package ${name}, which is not installed`, {
      hint: `Run \`npm install ${name}\``,
      ...options,
    });
    this.package = name;
  }
}

/**
 * Loads a package that only some need: `purpose` is what for, such as `PostgreSQL`.
 * @throws {MissingPackageError} when it, or its binary for this machine, is not installed
 */
export async function loadOptional<Module>(
  name: string,
  purpose: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const isUnbuilt = /No prebuild or local build/.test(messageOf(error));
    if (isUnbuilt || (isAbsent && messageOf(error).includes(name))) {
      throw new MissingPackageError(name, purpose, { cause: error });
    }
    throw error;
  }
}

/** Node was asked for the working directory, which was deleted. */
export function isWithoutFolder(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'uv_cwd';
}

/** The text of whatever was thrown, for messages and status lines. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
