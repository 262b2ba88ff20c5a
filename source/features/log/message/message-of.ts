import { mask } from '../template/mask.ts';
import { clean, firstLine } from './clean.ts';
import { criLine, dockerLine } from './container.ts';
import { type Found, isRecord, messageInBroken, messagesInFields, messagesInObject } from './json.ts';
import { logfmtFields } from './logfmt.ts';

/**
 * What a line says, without its way to us: the envelope that a logger, a container runtime or a collector put around the
 * sentence is taken off, so that the same event has one template whoever carried it.
 *
 * The order, the first that fits: colours and byte order mark; CRI, syslog (RFC 3164's priority, RFC 5424), docker
 * compose's prefix, all of which may stand around one another, up to four deep; JSON, by the author's own template, by
 * the field that holds the message under one of its usual names, by the longest sentence, by the first line of an
 * exception, by the names of the fields; logfmt in the same way; else the line itself.
 *
 * Not promised: a sentence under a name of its own beside a longer one; fields that only their values tell apart.
 */
export type Message = {
  readonly text: string;
  /** The text is a template already: neither masked nor mined. */
  readonly isTemplate: boolean;
};

/** The messages of one line: one, but for OpenTelemetry's batches of records. */
export function messagesOf(line: string): readonly Message[] {
  return opened(clean(line), 0);
}

/** The first message of a line. */
export function messageOf(line: string): Message {
  const [message = { text: '', isTemplate: false }] = messagesOf(line);
  return message;
}

const deepest = 4;
const longestJson = 256 * 1024;

function opened(text: string, depth: number): readonly Found[] {
  if (depth <= deepest) {
    const inner = peeled(text);
    if (inner !== undefined) return opened(inner, depth + 1);
    const found = inJson(text, depth) ?? inLogfmt(text, depth);
    if (found) return found;
  }
  return [{ text: text.includes('\n') ? firstLine(text) : text, isTemplate: false }];
}

/** What a field held, which may be colourful, and an envelope again. */
function openAt(depth: number) {
  return (text: string): readonly Found[] => opened(clean(text), depth + 1);
}

const priority = /^<\d{1,3}>/;
/** Behind the priority: version, stamp, host, program, process, kind of message, structured data. */
const rfc5424 =
  /^1 (?:-|\d{4}-\S+) \S+ \S+ \S+ \S+ (?:-|(?:\[[^\s\]"=]+(?: [^\s\]"=]+="(?:[^"\\]|\\.)*")*\])+)(?: \uFEFF?|$)/;
const compose = /^[A-Za-z][\w.-]*[-_]\d+ +\| ?/;

/** What is behind one envelope of text; undefined when there is none. */
function peeled(text: string): string | undefined {
  const first = text.charCodeAt(0);
  if (first === 0x3c) {
    const [mark] = priority.exec(text) ?? [];
    if (mark === undefined) return;
    const rest = text.slice(mark.length);
    const [header = ''] = rfc5424.exec(rest) ?? [];
    return rest.slice(header.length).trim();
  }
  if (first >= 0x30 && first <= 0x39) return criLine(text)?.text.trim();
  // Only a name with a number at its end is one of docker compose's.
  const space = text.indexOf(' ');
  const digit = text.charCodeAt(space - 1);
  if (space < 1 || digit < 0x30 || digit > 0x39) return;
  const [header] = compose.exec(text) ?? [];
  return header === undefined ? undefined : text.slice(header.length).trim();
}

function inJson(text: string, depth: number): readonly Found[] | undefined {
  if (text.charCodeAt(0) === 0x7b) {
    const inner = dockerLine(text)?.text;
    if (inner !== undefined && inner.trim() !== '') return openAt(depth)(inner);
    const object = text.length <= longestJson ? parsed(text) : undefined;
    if (object) return messagesInObject(object, openAt(depth));
    const message = messageInBroken(text.slice(0, longestJson));
    return message === undefined ? undefined : openAt(depth)(message);
  }
  // `INFO took 3 ms {"id":7}`, and rsyslog's `@cee: {…}`: what stands in front is of the message.
  if (text.charCodeAt(text.length - 1) !== 0x7d || text.length > longestJson) return;
  const start = text.indexOf('{"');
  const object = start > 0 ? parsed(text.slice(start)) : undefined;
  if (!object) return;
  const front = text.slice(0, start).replace(/\s*(?:@cee:\s*)?$/, '');
  return messagesInObject(object, openAt(depth)).map((found) => {
    if (front === '') return found;
    if (found.isTemplate) return { text: `${mask(front)} ${found.text}`, isTemplate: true };
    return { text: `${front} ${found.text}`, isTemplate: false };
  });
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return;
  }
}

function inLogfmt(text: string, depth: number): readonly Found[] | undefined {
  const fields = logfmtFields(text);
  return fields && messagesInFields(fields, openAt(depth));
}
