import { messageOf } from '../../../errors.ts';
import { BadTargetError } from '../errors.ts';
import { asideTable, batchesTable } from './target.ts';

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
        hint: `The user needs SELECT, INSERT, UPDATE on the table and on ${batchesTable}, SELECT, INSERT, DELETE on ${asideTable}, or the right to create these two`,
      };
    case '55P03':
      return {
        hint: 'Somebody else keeps rows of the table locked; the batch stays in flight, flush again later',
      };
    default:
      return hintForConnection(messageOf(error));
  }
}

function hintForConnection(message: string): { hint?: string } {
  const inClear = '?sslmode=disable sends everything in clear, where the network is trusted';
  if (/does not support SSL/.test(message))
    return { hint: `To another host nothing goes without TLS. Turn it on there; ${inClear}` };
  if (/certificate|self-signed|altnames/i.test(message))
    return {
      hint: `Name the authority that signed its certificate: ?sslrootcert=FILE; ?sslmode=no-verify encrypts without asking who answers, ${inClear}`,
    };
  if (/clear text/.test(message))
    return { hint: 'Let the server ask for scram-sha-256, or use TLS: ?sslmode=verify-full' };
  return {};
}

/**
 * Whether it is about one row: its value, a constraint, a trigger. Everything else is about the database, and nothing is
 * set aside for it.
 */
export function isOfRow(error: unknown): boolean {
  const state = sqlState(error);
  return /^(22|23|44)[0-9A-Z]{3}$/.test(state) || state === 'P0001';
}
