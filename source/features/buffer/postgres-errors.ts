import { messageOf } from '../../errors.ts';
import { BadTargetError } from './errors.ts';
import { batchesTable } from './target.ts';

/** What goes wrong with PostgreSQL, in words that never hold a password. */

/** How a URL may be shown, and what takes its password out of other people's messages. */
export function disguised(url: string): { label: string; to: string; scrub(text: string): string } {
  if (!URL.canParse(url)) throw new BadTargetError('Expected `to` to be postgres://USER@HOST:PORT/DATABASE');
  const { protocol, username, password, host, pathname, searchParams } = new URL(url);
  const user = username === '' ? '' : `${username}@`;
  const place = searchParams.get('host') ?? (host === '' ? 'localhost' : host);
  const shown = new URL(url);
  shown.password = '';
  shown.searchParams.delete('password');
  const secrets = [password, decoded(password), searchParams.get('password') ?? ''].filter(
    (word) => word !== '',
  );
  return {
    label: `${protocol}//${user}${place}${pathname}`,
    to: shown.href,
    scrub: (text) => secrets.reduce((scrubbed, secret) => scrubbed.replaceAll(secret, '***'), text),
  };
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

export function isTimeout(error: unknown): boolean {
  return messageOf(error) === 'Query read timeout';
}

export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export function detailOf(error: unknown): string {
  // Node joins the attempts at several addresses into an AggregateError without a message.
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  if (isTimeout(error)) return 'no answer for a minute';
  const state = sqlState(error);
  return /^[0-9A-Z]{5}$/.test(state) ? `${messageOf(error)} (SQLSTATE ${state})` : messageOf(error);
}

/** The error as a cause, unless its stack, which `--debug` prints, would tell a password. */
export function causeOf(error: unknown, scrub: (text: string) => string): { cause?: unknown } {
  const stack = error instanceof Error ? (error.stack ?? '') : String(error);
  return scrub(stack) === stack ? { cause: error } : {};
}

export function hintFor(error: unknown): { hint?: string } {
  switch (sqlState(error)) {
    case '28P01':
    case '28000':
      return { hint: 'Give the password by PGPASSWORD or ~/.pgpass, the user in the URL' };
    case '42501':
      return {
        hint: `The user needs SELECT, INSERT, UPDATE on the table and on ${batchesTable}, or the right to create it`,
      };
    case '55P03':
      return {
        hint: 'Somebody else keeps rows of the table locked; the batch stays in flight, flush again later',
      };
    case '22P02':
      return {
        hint: 'One id does not fit the type of the key column. Find it among `redis-cli ZRANGE pending:<type>:inflight 0 -1`, drop it there with ZREM, and flush again',
      };
    default:
      return {};
  }
}
