import { QuarterdeckError } from '../errors.ts';

/** Nothing answers there, or it refused. */
export class UnreachableError extends QuarterdeckError {
  constructor(url: string, cause: unknown, detail: string) {
    super('connection', 'REDIS_UNREACHABLE', `Cannot reach Redis at ${url}: ${detail}`, {
      cause,
      hint: 'Check --url (or REDIS_URL) and that the server runs; `--embedded` starts a private one',
      isRetryable: true,
    });
  }
}

/** The server wants a user name or password that we do not have, or the one we have is wrong. */
export class AuthenticationError extends QuarterdeckError {
  constructor(url: string, cause: unknown, detail: string) {
    super('connection', 'REDIS_AUTH', `Redis at ${url} refused the user or password: ${detail}`, {
      cause,
      hint: 'Set QUARTERDECK_PASSWORD or --password-file; an ACL user goes into the URL: redis://user@host, what the sentinels ask for into --sentinel-password-file',
    });
  }
}

/** The sentinels answer, and none watches a group of this name. */
export class UnknownGroupError extends QuarterdeckError {
  constructor(url: string, cause: unknown) {
    super('connection', 'SENTINEL_GROUP', `Cannot reach Redis at ${url}: they watch no group of that name`, {
      cause,
      hint: 'Check --sentinel: `redis-cli -p 26379 SENTINEL MASTERS` lists the groups',
    });
  }
}

/** It was there, went away or fell silent, and did not come back in time. */
export class LostError extends QuarterdeckError {
  /** `detail` is what was last heard of it. */
  constructor(url: string, forMs: number, detail?: string, cause?: unknown) {
    const said = detail === undefined ? '' : `: ${detail}`;
    super('connection', 'REDIS_LOST', `Lost Redis at ${url} for ${Math.round(forMs / 1000)}s${said}`, {
      cause,
      hint: 'Raise --timeout to wait longer; what was not acknowledged may be sent again',
      isRetryable: true,
    });
  }
}

/** The server answers and will not do it now: it is full, a replica, loading. It may by itself be ready later. */
export class RefusedError extends QuarterdeckError {
  constructor(code: string, message: string, hint: string, cause: Error) {
    super('connection', code, message, { hint, cause, isRetryable: true });
  }
}

/** A private redis-server could not be started. */
export class EmbeddedError extends QuarterdeckError {
  constructor(detail: string, options: { cause?: unknown; hint?: string } = {}) {
    super('connection', 'EMBEDDED_FAILED', `Cannot start the private redis-server: ${detail}`, {
      hint: 'Install redis-server (apt-get install redis-server, brew install redis) or use --url',
      ...options,
    });
  }
}

/** A key holds, or a server answers, what cannot be read as what is expected there. */
export class UnreadableReplyError extends QuarterdeckError {
  readonly key: string | undefined;

  constructor(expected: string, found: unknown, key?: string) {
    const where = key === undefined ? 'Redis answered' : `Key \`${key}\` holds`;
    super('data', 'UNREADABLE_REPLY', `${where} ${shown(found)} where ${expected} is expected`, {
      hint:
        key === undefined
          ? 'Look whether something other than Redis answers there'
          : `Look at it with \`redis-cli TYPE ${key}\`; another program may have written it`,
    });
    this.key = key;
  }
}

const longestShown = 60;

function shown(found: unknown): string {
  if (found === null || found === undefined) return 'nothing';
  if (Array.isArray(found)) return `an array of ${found.length}`;
  const isText = typeof found !== 'object' || Buffer.isBuffer(found);
  const text = isText ? String(found) : 'an object';
  return `\`${text.length > longestShown ? `${text.slice(0, longestShown)}…` : text}\``;
}
