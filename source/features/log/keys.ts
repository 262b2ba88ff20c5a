import type { Client } from '../../redis/client.ts';
import { keyFamily, nameInKey } from '../../redis/keys.ts';

export type LogName = { readonly name: string; readonly severity: string };

export type LogKeys = ReturnType<typeof logKeys>;

/** The book's names for its numbers; anything else is kept, in small letters. */
export function severityName(severity: string | number): string {
  const names: Readonly<Record<string, string>> = {
    10: 'debug',
    20: 'info',
    30: 'warning',
    40: 'error',
    50: 'critical',
  };
  return (names[severity] ?? String(severity)).toLowerCase();
}

export function logKeys(redis: Client, { name, severity }: LogName) {
  return keyFamily(redis, `${name}:${severity}`, {
    common: 'common:*',
    start: 'common:*:start',
    last: 'common:*:last',
    pstart: 'common:*:pstart',
    recent: 'recent:*',
    samples: 'common:*:samples',
    patterns: 'common:*:patterns',
    guard: 'common:*:guard:',
  });
}

/** `web:error`, as it stands in the keys and in the index of what exists. */
export function joinLogName({ name, severity }: LogName): string {
  return `${name}:${severity}`;
}

export function parseLogName(text: string): LogName {
  const colon = text.lastIndexOf(':');
  return { name: text.slice(0, colon), severity: text.slice(colon + 1) };
}

/** From `common:web:error`, in Cluster `common:{web:error}`, to the log; undefined for a key that is no log's. */
export function logOf(redis: Client, key: string): LogName | undefined {
  const text = nameInKey(redis, key.slice('common:'.length));
  return text !== undefined && /^.+:[^:]+$/s.test(text) ? parseLogName(text) : undefined;
}
