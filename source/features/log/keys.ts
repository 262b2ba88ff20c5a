import { UsageError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { keyFamily, nameInKey } from '../../redis/keys.ts';
import { nameMistake } from '../../values.ts';

export type LogName = { readonly name: string; readonly severity: string };

export type LogKeys = ReturnType<typeof logKeys>;

/** The numbers of Python's logging, by which Redis in Action names severities. */
const numbered = new Map([
  ['10', 'debug'],
  ['20', 'info'],
  ['30', 'warning'],
  ['40', 'error'],
  ['50', 'critical'],
]);

/** What stands behind `common:<name>:<severity>:` in the other keys of a log. */
const parts = new Set(['start', 'last', 'pstart', 'samples', 'patterns', 'guard']);

/** Why no log can be called so; undefined if one can. */
export function logNameMistake(name: unknown): string | undefined {
  const mistake = nameMistake(name);
  if (mistake !== undefined) return mistake;
  return String(name).endsWith(':guard')
    ? 'Expected a name that does not end in `:guard`: such keys belong to another log'
    : undefined;
}

/** The index, which holds names of 600 bytes, has one of a log with its severity. */
const longestSeverity = 64;

/** Why no log can have this severity; undefined if one can. */
export function severityMistake(severity: unknown): string | undefined {
  const text = Number.isSafeInteger(severity) ? String(severity) : severity;
  const mistake = nameMistake(text);
  if (mistake !== undefined) return mistake.replace('a name', 'a severity');
  if (Buffer.byteLength(String(text)) > longestSeverity)
    return `Expected a severity of at most ${longestSeverity} bytes`;
  const name = severityName(String(text));
  if (name.includes(':')) return `Expected a severity without a colon, got \`${name}\``;
  if (parts.has(name)) {
    return `Expected a severity other than ${[...parts].join(', ')}, which keys of every log end in, got \`${name}\``;
  }
}

/**
 * The log of this name and severity: the one place that decides which there may be.
 * @throws {UsageError} code `LOG_NAME`
 */
export function logName(name: string, severity: string | number = 'info'): LogName {
  const mistake = logNameMistake(name) ?? severityMistake(severity);
  if (mistake !== undefined) throw new UsageError(mistake, { code: 'LOG_NAME' });
  return { name, severity: severityName(severity) };
}

/** The numbers 10 to 50 as words; anything else is kept, in small letters. */
export function severityName(severity: string | number): string {
  return numbered.get(String(severity)) ?? String(severity).toLowerCase();
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

/** The log behind `web:error`; undefined where no log is called so. */
export function parseLogName(text: string): LogName | undefined {
  const colon = text.lastIndexOf(':');
  const [name, severity] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  const isLog =
    logNameMistake(name) === undefined &&
    severityMistake(severity) === undefined &&
    severityName(severity) === severity;
  return isLog ? { name, severity } : undefined;
}

/** From `common:web:error`, in Cluster `common:{web:error}`, to the log; undefined for a key that is no log's. */
export function logOf(redis: Client, key: string): LogName | undefined {
  const text = nameInKey(redis, key.slice('common:'.length));
  return text === undefined ? undefined : parseLogName(text);
}
