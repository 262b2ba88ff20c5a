import { isRecord } from './json.ts';

/** A line as a container runtime keeps it: long ones come in pieces. */
export type ContainerLine = {
  readonly text: string;
  /** `stdout` or `stderr`: pieces of one lie between those of the other. */
  readonly stream: string;
  /** Its rest is in the next line of the same stream. */
  readonly isPiece: boolean;
};

/** What a line of CRI or of docker's json-file holds; undefined of any other line. */
export function containerLine(line: string): ContainerLine | undefined {
  const first = line.charCodeAt(0);
  if (first === 0x7b) return dockerLine(line);
  return first >= 0x30 && first <= 0x39 ? criLine(line) : undefined;
}

const cri =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d) (stdout|stderr) ([PF])(?::[\w=.-]+)*(?: |$)/;

export function criLine(line: string): ContainerLine | undefined {
  if (line.charCodeAt(10) !== 0x54) return;
  const [header, stream = '', tag] = cri.exec(line) ?? [];
  if (header === undefined) return;
  return { text: line.slice(header.length), stream, isPiece: tag === 'P' };
}

/** The fields of docker's json-file: a record of others is none. */
const fields = ['log', 'stream', 'time'] as const;
const quote = 0x22;

/**
 * `{"log":"…\n","stream":"stdout","time":"…"}`, in any order, read without making an object of it: a long file has no
 * other lines, and this takes a third of the time. What is written in an unusual way is parsed.
 */
export function dockerLine(line: string): ContainerLine | undefined {
  let log: string | undefined;
  let stream: string | undefined;
  let hasTime = false;
  let at = 1;
  for (;;) {
    if (line.charCodeAt(at) !== quote) return parsedLine(line);
    const name = fields.find((field) => line.startsWith(field, at + 1));
    if (name === undefined) return parsedLine(line);
    const start = at + name.length + 4;
    if (!line.startsWith('":"', start - 3)) return parsedLine(line);
    const end = endOfString(line, start);
    if (end === -1) return;
    if (name === 'log') {
      if (log !== undefined) return parsedLine(line);
      log = stringOf(line, start, end);
      if (log === undefined) return;
    } else if (name === 'stream') stream = line.slice(start, end);
    else hasTime = true;
    at = end + 1;
    const code = line.charCodeAt(at);
    if (code === 0x7d && at === line.length - 1) break;
    if (code !== 0x2c) return parsedLine(line);
    at += 1;
  }
  if (log === undefined || stream === undefined || !hasTime) return;
  return { text: log, stream, isPiece: !log.endsWith('\n') };
}

/** Where the string that begins at `start` ends; -1 if it does not. */
function endOfString(line: string, start: number): number {
  for (let end = line.indexOf('"', start); end !== -1; end = line.indexOf('"', end + 1)) {
    let slashes = 0;
    while (line.charCodeAt(end - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

/** Most messages have nothing escaped but the line end. */
function stringOf(line: string, start: number, end: number): string | undefined {
  const first = line.indexOf('\\', start);
  if (first === -1 || first >= end) return line.slice(start, end);
  if (first === end - 2 && line.charCodeAt(end - 1) === 0x6e) return `${line.slice(start, first)}\n`;
  try {
    return JSON.parse(line.slice(start - 1, end + 1)) as string;
  } catch {
    return;
  }
}

/** Docker adds `attrs` where labels or variables of the container are asked for. */
function parsedLine(line: string): ContainerLine | undefined {
  if (!line.includes('"stream"') || !line.includes('"log"') || !line.includes('"time"')) return;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return;
  }
  if (!isRecord(value)) return;
  const { log, stream, time, attrs: _, ...others } = value as Record<string, unknown>;
  if (typeof log !== 'string' || typeof stream !== 'string' || typeof time !== 'string') return;
  return Object.keys(others).length > 0 ? undefined : { text: log, stream, isPiece: !log.endsWith('\n') };
}
