import { firstLine, unescaped } from './clean.ts';

/** What JSON.parse and logfmt give; nothing about it is known. */
export type Fields = ReadonlyMap<string, unknown>;

/** A message, or undefined where there is none to be found. */
export type Found = { readonly text: string; readonly isTemplate: boolean };

/** Takes apart a text that was found in a field, which may be an envelope again. */
type Open = (text: string) => readonly Found[];

/** Where loggers put the sentence, the most certain first; letter case is ignored, a dot is a level or a character. */
const names =
  'message msg @m @message short_message text event body fields.message log line description summary title ' +
  'error.message err.message exception.message error err reason full_message';
const messageNames = names.split(' ');
/** Fields that hold a record, or its message, and nothing but that. */
const payloads = ['textpayload', 'jsonpayload', 'protopayload'];
/** Fields whose prose is not what the event is about. */
const aside =
  /user_?agent|agent|referr?er|ur[il]\b|_ur[il]|path|query|sql|statement|stack|trace|thread|caller|logger|host|time|date|file|func/i;
const prose = /\p{L}{2,}[^\S\n]+\p{L}{2,}/u;
const traces = ['exception', 'stack_trace', 'exc_info', '@x', 'stacktrace', 'stack', 'traceback'];
/** What tells records apart that have no sentence. */
const telling = /^(?:level|severity|log\.level|(?:request_|http_)?method|type|event_type|verb|action)$/i;
const status = /^(?:status|status_?code|http_?status|response_?code)$/i;
const mostShapeKeys = 40;
const deepestObject = 6;

/** The messages of one record: one, but for OpenTelemetry's batches. */
export function messagesInObject(object: object, open: Open): readonly Found[] {
  const fields = fieldsOf(object);
  const records = logRecords(fields);
  if (records.length === 0) return messagesInFields(fields, open);
  return records.flatMap((record) => messagesInFields(fieldsOf(record), open));
}

/** The same of `key=value` pairs. */
export function messagesInFields(fields: Fields, open: Open): readonly Found[] {
  const found = authorsTemplate(fields) ?? byPayload(fields, open) ?? byName(fields, open);
  if (found) return found;
  const text = longestProse(fields) ?? firstTrace(fields);
  if (text !== undefined) return [{ text, isTemplate: false }];
  return [{ text: shapeOf(fields), isTemplate: true }];
}

/** Fields by their names in small letters; of two that are the same so, the first in code points. */
export function fieldsOf(object: object): Fields {
  const fields = new Map<string, unknown>();
  let hasTwins = false;
  for (const [key, value] of Object.entries(object)) {
    const name = key.toLowerCase();
    hasTwins ||= fields.has(name);
    fields.set(name, value);
  }
  if (!hasTwins) return fields;
  const sorted = Object.entries(object).sort(([a], [b]) => (a < b ? 1 : -1));
  return new Map(sorted.map(([key, value]) => [key.toLowerCase(), value]));
}

/** Serilog and .NET write what the author wrote, with the places of the values: nothing needs to be guessed. */
function authorsTemplate(fields: Fields): readonly Found[] | undefined {
  const state = fields.get('state');
  const template =
    fields.get('@mt') ??
    fields.get('messagetemplate') ??
    fields.get('{originalformat}') ??
    (isRecord(state) ? fieldsOf(state).get('{originalformat}') : undefined);
  if (typeof template !== 'string' || template.trim() === '') return;
  const text = firstLine(template)
    .replaceAll(/\{\{|\}\}|\{[^{}]*\}/g, (part) => (part === '{{' ? '{' : part === '}}' ? '}' : '<*>'))
    .replaceAll(/\s+/g, ' ');
  return [{ text, isTemplate: true }];
}

/** The records of OpenTelemetry's JSON, of which one line may hold several. */
function logRecords(fields: Fields): readonly object[] {
  const all: object[] = [];
  for (const resource of records(fields.get('resourcelogs'))) {
    const inResource = fieldsOf(resource);
    const scopes = inResource.get('scopelogs') ?? inResource.get('instrumentationlibrarylogs');
    for (const scope of records(scopes)) all.push(...records(fieldsOf(scope).get('logrecords')));
  }
  return all;
}

function byPayload(fields: Fields, open: Open): readonly Found[] | undefined {
  for (const name of payloads) {
    const found = inValue(fields.get(name), open, 1);
    if (found) return found;
  }
}

function byName(fields: Fields, open: Open, depth = 0): readonly Found[] | undefined {
  for (const name of messageNames) {
    const found = inValue(at(fields, name), open, depth + 1);
    if (found) return found;
  }
}

/** A field by its name, or, behind a dot, in the object of that name. */
function at(fields: Fields, name: string): unknown {
  const dot = name.indexOf('.');
  if (dot === -1) return fields.get(name);
  const whole = fields.get(name);
  if (whole !== undefined) return whole;
  const outer = fields.get(name.slice(0, dot));
  return isRecord(outer) ? fieldsOf(outer).get(name.slice(dot + 1)) : undefined;
}

function inValue(value: unknown, open: Open, depth: number): readonly Found[] | undefined {
  const text = typeof value === 'string' ? value : bytesAsText(value);
  if (text !== undefined) return text.trim() === '' ? undefined : open(text);
  if (!isRecord(value) || depth > deepestObject) return;
  const inner = fieldsOf(value);
  return (
    authorsTemplate(inner) ?? inValue(inner.get('stringvalue'), open, depth + 1) ?? byName(inner, open, depth)
  );
}

/** journald writes what is not UTF-8 as an array of bytes. */
function bytesAsText(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return;
  const isBytes = value.every((one) => Number.isInteger(one) && one >= 0 && one < 256);
  return isBytes ? Buffer.from(value).toString('utf8') : undefined;
}

/** The longest sentence among the fields and those one level below; of equals the one with the smallest name. */
function longestProse(fields: Fields, path = ''): string | undefined {
  let best: { text: string; path: string } | undefined;
  const visit = (inner: Fields, path: string, depth: number): void => {
    for (const [name, value] of inner) {
      if (aside.test(name)) continue;
      const here = `${path}${name}`;
      if (typeof value === 'string') {
        const text = firstLine(value);
        if (!prose.test(text)) continue;
        const isBetter =
          !best || text.length > best.text.length || (text.length === best.text.length && here < best.path);
        if (isBetter) best = { text, path: here };
      } else if (depth < 2 && isRecord(value)) {
        visit(fieldsOf(value), `${here}.`, depth + 1);
      }
    }
  };
  visit(fields, path, 1);
  return best?.text;
}

function firstTrace(fields: Fields): string | undefined {
  for (const name of traces) {
    const value = fields.get(name);
    if (typeof value === 'string' && value.trim() !== '') return firstLine(value);
  }
}

/** `{method=GET status=2xx uri}`: which fields a record has, with the values of those that tell records apart. */
function shapeOf(fields: Fields): string {
  const keys = [...fields.keys()].sort();
  const parts = keys.slice(0, mostShapeKeys).map((key) => {
    const value = fields.get(key);
    const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
    if (status.test(key) && /^[1-5]\d\d$/.test(text)) return `${key}=${text[0]}xx`;
    if (telling.test(key) && /^[\p{L}\d][\p{L}\d_.:-]{0,39}$/u.test(text)) return `${key}=${text}`;
    return key.replaceAll(/\s+/g, ' ');
  });
  return `{${parts.join(' ')}${keys.length > mostShapeKeys ? ' …' : ''}}`;
}

export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function records(value: unknown): readonly object[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

const keyPattern = new RegExp(
  `["'](${messageNames.filter((name) => !name.includes('.')).join('|')})["']\\s{0,8}:\\s{0,8}(["'])`,
  'gi',
);

/** The message of what looks like JSON and is not: cut off, or written with single quotes. */
export function messageInBroken(text: string): string | undefined {
  let best: { rank: number; text: string } | undefined;
  keyPattern.lastIndex = 0;
  for (let match = keyPattern.exec(text); match; match = keyPattern.exec(text)) {
    const [whole, name = '', quote = '"'] = match;
    const start = match.index + whole.length;
    const end = endOfString(text, start, quote);
    keyPattern.lastIndex = end;
    const rank = messageNames.indexOf(name.toLowerCase());
    if (best && rank >= best.rank) continue;
    const value = unescaped(text.slice(start, end));
    if (value.trim() === '') continue;
    best = { rank, text: value };
  }
  return best?.text;
}

/** Where the quoted text ends that begins at `start`; the end of the line if it has no end of its own. */
function endOfString(text: string, start: number, quote: string): number {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at;
  }
  return text.length;
}
