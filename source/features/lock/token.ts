import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Client } from '../../redis/client.ts';

/** Who holds or waits for a lock, as its token tells. */
export type Owner = { readonly host: string; readonly pid: number; readonly label: string };

/**
 * A token is `qd1:NONCE:COUNT:PID:HOST:LABEL`: unique, because the nonce is random for each client; it names its
 * owner, so that no second key has to be kept in step with the lock; and it leads to the channel its owner hears.
 */
const shape = /^qd1:[\w-]{1,64}:[0-9a-z]{1,16}:(\d{1,10}):([^:]*):([^:]*)$/;
/** What is read of a holder: any token of ours is shorter. */
const longestToken = 2047;
const longestPart = { host: 256, label: 1536 };

type Mint = { readonly nonce: string; count: number; label: string | undefined; tail: string };
const mints = new WeakMap<Client, Mint>();

function mintOf(client: Client): Mint {
  let mint = mints.get(client);
  if (!mint) {
    mint = { nonce: randomBytes(9).toString('base64url'), count: 0, label: undefined, tail: '' };
    mints.set(client, mint);
  }
  return mint;
}

/** What tells this client's waiters from all others. */
export function nonceOf(client: Client): string {
  return mintOf(client).nonce;
}

/** A token that was never used before. */
export function mintToken(client: Client, label: string): string {
  const mint = mintOf(client);
  if (mint.label !== label) {
    mint.label = label;
    mint.tail = `:${process.pid}:${quote(hostname(), longestPart.host)}:${quote(label, longestPart.label)}`;
  }
  mint.count += 1;
  return `qd1:${mint.nonce}:${mint.count.toString(36)}${mint.tail}`;
}

/** Who minted a token; undefined for the token of any other program. */
export function ownerOf(token: string): Owner | undefined {
  const match = token.length > longestToken ? null : shape.exec(token);
  if (!match) return;
  const [, pid = '', host = '', label = ''] = match;
  return { host: unquote(host), pid: Number(pid), label: unquote(label) };
}

/** `host:pid`, `(foreign)` for a token of another program, `nobody` for none. */
export function place(token: string | undefined): string {
  if (token === undefined) return 'nobody';
  const owner = ownerOf(token);
  return owner ? `${owner.host}:${owner.pid}` : '(foreign)';
}

/** The place and the label, for a sentence. */
export function describe(token: string): string {
  const label = ownerOf(token)?.label;
  const where = place(token) === '(foreign)' ? 'another program' : place(token);
  return label ? `${where} (${label})` : where;
}

/** Percent-encoded so far that a token is one word to any shell; what is longer loses its last characters. */
function quote(text: string, most: number): string {
  let quoted = '';
  for (const character of text.toWellFormed()) {
    const next = encodeURIComponent(character).replace(
      /[!'()*~]/,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    if (quoted.length + next.length > most) break;
    quoted += next;
  }
  return quoted;
}

function unquote(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
