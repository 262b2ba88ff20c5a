import { EventEmitter } from 'node:events';
import { isIP, type Socket } from 'node:net';
import process from 'node:process';
import type { Client as PostgresClient } from 'pg';

/**
 * How much a connection to PostgreSQL is worth trusting with a password.
 *
 * Without a stated `sslmode` libpq would fall back to plain text when asked to; we do not. To another host goes nothing
 * without TLS and a certificate that names it, unless the URL or PGSSLMODE says otherwise; and a server that asks for
 * the password in clear text gets it over TLS or a unix socket only.
 */

/** What `pg` would take for less than it says, with a warning of seven lines: it verifies all of these fully. */
const asVerified = new Set(['prefer', 'require', 'verify-ca']);

/** The URL as it is connected to: with `sslmode` where none is stated and it is needed. */
// biome-ignore lint/style/noProcessEnv: the driver reads PGHOST and PGSSLMODE, so a URL means what they say
export function withTls(url: string, env: NodeJS.ProcessEnv = process.env): string {
  const parsed = new URL(url);
  const { searchParams } = parsed;
  const stated = searchParams.get('sslmode');
  if (searchParams.get('uselibpqcompat') === 'true') return url;
  if (stated !== null) {
    if (!asVerified.has(stated)) return url;
    searchParams.set('sslmode', 'verify-full');
    return parsed.href;
  }
  if (searchParams.has('ssl') || env.PGSSLMODE || isNear(hostOf(parsed, env))) return url;
  searchParams.set('sslmode', 'verify-full');
  return parsed.href;
}

function hostOf({ hostname, searchParams }: URL, env: NodeJS.ProcessEnv): string {
  const host = searchParams.get('host') ?? (hostname === '' ? (env.PGHOST ?? 'localhost') : hostname);
  return decodeURIComponent(host).replace(/^\[|\]$/g, '');
}

/** Whether what is sent there stays on this machine. */
function isNear(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost') return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

/** Its password was asked for in clear text, on a connection that anybody on the way can read. */
export class ClearTextPasswordError extends Error {
  constructor() {
    super('it asks for the password in clear text, and the connection is not encrypted: nothing was sent');
  }
}

/** Call it before connecting: what `pg` would answer to a request for a password in clear text is not sent. */
export function refuseClearText(client: PostgresClient, socket: Socket): void {
  const connection: unknown = Reflect.get(client, 'connection');
  if (!(connection instanceof EventEmitter)) return;
  connection.on('authenticationCleartextPassword', () => {
    const stream: unknown = Reflect.get(connection, 'stream');
    const isEncrypted =
      typeof stream === 'object' && stream !== null && Reflect.get(stream, 'encrypted') === true;
    // A unix socket has no address on the other side.
    if (isEncrypted || socket.remoteAddress === undefined) return;
    Object.assign(connection, { password() {} });
    socket.destroy(new ClearTextPasswordError());
  });
}
