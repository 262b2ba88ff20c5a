import { QuarterdeckError } from '../errors.ts';
import { shellWord } from '../shell-word.ts';

/** Nothing answers there, or it refused. */
export class UnreachableError extends QuarterdeckError {
  constructor(url: string, cause: unknown, detail: string) {
    super('connection', 'REDIS_UNREACHABLE', `Cannot reach Redis at ${url}: ${oneLine(detail)}`, {
      cause,
      hint:
        tlsHint(url, cause) ??
        (/max number of clients/.test(detail)
          ? 'Raise maxclients on the server, or end connections there: see `redis-cli client list`'
          : undefined) ??
        (/cluster support disabled/.test(detail)
          ? 'It is no node of a Cluster: leave --cluster out'
          : undefined) ??
        'Check --url (or REDIS_URL) and that the server runs; `--embedded` starts a private one',
      isRetryable: true,
    });
  }
}

/** OpenSSL gives its errors with the place in its own sources, and a line break. */
function oneLine(detail: string): string {
  const [, , words] = /^[0-9A-F]{8,}:error:[0-9A-F]+:([^:]*:)?[^:]*:([^:]+)/.exec(detail) ?? [];
  return (words ?? detail).trim().replaceAll(/\s*\n\s*/g, ' ');
}

const noTls = 'It may speak no TLS there: use redis:// instead of rediss://';

/** What ends a handshake of TLS, by the code or the words of OpenSSL, and what to do about it. */
const tlsHints: readonly (readonly [sign: RegExp, hint: string])[] = [
  [
    /certificate required|did not return a certificate/i,
    'The server asks for a client certificate: give --tls-cert FILE and --tls-key FILE',
  ],
  [
    /alert (unknown ca|bad certificate|certificate (unknown|expired|revoked)|unsupported certificate)/i,
    'The server does not accept the client certificate of --tls-cert',
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|altnames/,
    'Its certificate is for other names: connect by one of those, or name it with --tls-servername NAME',
  ],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    'The certificate of the server has to be renewed, or a clock is wrong',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|self.signed/,
    'Name the authority that signed its certificate with --tls-ca FILE',
  ],
  [/WRONG_VERSION_NUMBER|wrong version number|packet length too long|before secure TLS connection/, noTls],
];

/** Whether this is why a handshake of TLS failed, and no mere end of the connection. */
export function isTlsRefusal(error: Error | undefined): boolean {
  return error !== undefined && tlsHint('', error) !== undefined;
}

function tlsHint(url: string, cause: unknown): string | undefined {
  // A server without TLS waits for the end of what it takes for a command.
  if (cause === undefined && url.startsWith('rediss:')) return noTls;
  if (!(cause instanceof Error)) return;
  const said = `${'code' in cause ? String(cause.code) : ''} ${cause.message}`;
  return tlsHints.find(([sign]) => sign.test(said))?.[1];
}

/** The server wants a user name or password that we do not have, or the one we have is wrong. */
export class AuthenticationError extends QuarterdeckError {
  constructor(url: string, cause: unknown, detail: string) {
    super('connection', 'REDIS_AUTH', `Redis at ${url} refused the user or password: ${detail}`, {
      cause,
      hint: 'Set QUARTERDECK_PASSWORD, --password-file or --password-command; an ACL user goes into --user or the URL: redis://user@host, what the sentinels ask for into --sentinel-password-file',
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

/** What answers there is no Redis, or a proxy before it answers itself: its reply is none of the protocol. */
export class ProtocolError extends QuarterdeckError {
  constructor(first: string | undefined, cause: Error) {
    const begins = first === undefined ? '' : `: it begins with ${JSON.stringify(first)}`;
    super('connection', 'REDIS_PROTOCOL', `The answer is no reply of Redis${begins}`, {
      hint: 'Look what listens there: another program, or a proxy that answers by itself',
      cause,
    });
  }
}

/** What ioredis says of bytes that it cannot parse, and asks its users to report, in our words. */
export function protocolFault(error: unknown): ProtocolError | undefined {
  if (!(error instanceof Error)) return;
  const [, first] = /^(?:Unknown RESP type \d+|Protocol error, got) "(.+?)"/s.exec(error.message) ?? [];
  if (first === undefined && !error.message.endsWith('Please report this.')) return;
  return new ProtocolError(first, error);
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
          : `Look at it with \`redis-cli TYPE ${shellWord(key)}\`; another program may have written it`,
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
