import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { QuarterdeckError } from '../errors.ts';
import type { LineRules } from '../features/feature.ts';
import { formatBytes } from '../ui/format.ts';
import { Utf8Stream } from '../utf16.ts';

/** A line of stdin cannot be taken as it is, and is not changed without a word. */
export class StdinLineError extends QuarterdeckError {
  constructor(code: 'LINE_TOO_LONG' | 'LINE_NOT_UTF8', line: number, problem: string, hint: string) {
    super('data', code, `Line ${line} of stdin ${problem}; it and what is behind it were not read`, { hint });
  }
}

/** The longest line that is kept in memory. */
const longestBytes = 64 * 1024 * 1024;
const mostWaiting = 1000;
const newline = 10;

/**
 * The lines of a stream, without `\n` or `\r\n`, until its end or the signal; UTF-16 by its byte order mark.
 *
 * On the signal nothing more is taken from the pipe, and every whole line that was taken comes: whoever reads the
 * pipe next finds the one behind. Reading rests while many lines wait.
 * @param onCounting gets a function that counts the lines taken from the pipe and not handed over yet
 * @throws {StdinLineError} after the lines before it, for one that is too long or no UTF-8, unless `rules` allow it
 */
export async function* linesOf(
  stream: Readable,
  signal: AbortSignal,
  rules: LineRules = {},
  onCounting?: (waiting: () => number) => void,
): AsyncGenerator<string> {
  const splitter = new LineSplitter(rules);
  const utf8 = new Utf8Stream();
  let handedOver = 0;
  onCounting?.(() => splitter.taken - handedOver);
  let isOver = signal.aborted;
  let failure: unknown;
  let wake: (() => void) | undefined;

  const finish = (error?: unknown): void => {
    failure ??= error;
    isOver = true;
    wake?.();
  };
  const attempt = (split: () => void): void => {
    try {
      split();
    } catch (error) {
      stream.off('data', onData);
      stream.pause();
      finish(error);
    }
    if (splitter.lines.length > mostWaiting) stream.pause();
    wake?.();
  };
  const onData = (chunk: Buffer | string): void =>
    attempt(() => splitter.take(utf8.take(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
  const onEnd = (): void => {
    attempt(() => {
      splitter.take(utf8.end());
      splitter.end();
    });
    finish();
  };
  const onSignal = (): void => {
    stream.off('data', onData);
    stream.pause();
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) onData(chunk);
    // Reading had the stream ask for more, which must not happen: it would be lost.
    stream.destroy();
    finish();
  };

  stream.on('data', onData).on('end', onEnd).on('error', finish);
  signal.addEventListener('abort', onSignal);
  try {
    for (;;) {
      for (const line of splitter.lines.splice(0)) {
        handedOver += 1;
        yield line;
      }
      if (splitter.lines.length > 0) continue;
      if (failure !== undefined) throw failure;
      if (isOver) return;
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal.removeEventListener('abort', onSignal);
    stream.off('data', onData).off('end', onEnd).off('error', finish);
    stream.pause();
  }
}

/** Makes lines of pieces of bytes, in memory that does not grow with the length of a line. */
class LineSplitter {
  readonly lines: string[] = [];
  readonly #rules: LineRules;
  /** Of the line that has no end yet; joined once, or a very long one would be copied with each piece. */
  #unfinished: Buffer[] = [];
  #kept = 0;
  /** Bytes of it that were not kept. */
  #dropped = 0;
  #taken = 0;

  constructor(rules: LineRules) {
    this.#rules = rules;
  }

  /** How many lines there were so far. */
  get taken(): number {
    return this.#taken;
  }

  take(chunk: Buffer): void {
    let rest = chunk;
    if (this.#kept > 0 || this.#dropped > 0) {
      const end = chunk.indexOf(newline);
      this.#keep(end === -1 ? chunk : chunk.subarray(0, end));
      if (end === -1) return;
      this.#finishLine();
      rest = chunk.subarray(end + 1);
    }
    const end = rest.lastIndexOf(newline);
    if (end !== -1) this.#addWhole(rest.subarray(0, end));
    this.#keep(rest.subarray(end + 1));
  }

  /** The last line may lack its end. */
  end(): void {
    if (this.#kept > 0 || this.#dropped > 0) this.#finishLine();
  }

  #keep(bytes: Buffer): void {
    const { long } = this.#rules;
    const most = long?.bytes ?? longestBytes;
    const fitting = bytes.subarray(0, Math.max(0, most - this.#kept));
    if (fitting.length < bytes.length && long === undefined) {
      throw new StdinLineError(
        'LINE_TOO_LONG',
        this.#taken + 1,
        `is longer than ${formatBytes(longestBytes)}`,
        'Is it text, with a line end behind each item?',
      );
    }
    if (fitting.length > 0) this.#unfinished.push(fitting);
    this.#kept += fitting.length;
    this.#dropped += bytes.length - fitting.length;
  }

  #finishLine(): void {
    const bytes = Buffer.concat(this.#unfinished);
    const dropped = this.#dropped;
    this.#unfinished = [];
    this.#kept = 0;
    this.#dropped = 0;
    const { long } = this.#rules;
    if (dropped === 0 || long === undefined) this.#addWhole(bytes);
    else this.#add(long.shorten(this.#decoded(withoutHalfLetter(bytes)), dropped));
  }

  /** Lines that are all there, without the last one's end: decoded together, unless one of them is no UTF-8. */
  #addWhole(bytes: Buffer): void {
    if (isUtf8(bytes)) {
      for (const line of bytes.toString().split('\n')) this.#add(line);
      return;
    }
    for (let start = 0; start <= bytes.length; ) {
      const found = bytes.indexOf(newline, start);
      const end = found === -1 ? bytes.length : found;
      this.#add(this.#decoded(bytes.subarray(start, end)));
      start = end + 1;
    }
  }

  #add(line: string): void {
    this.#taken += 1;
    this.lines.push(line.endsWith('\r') ? line.slice(0, -1) : line);
  }

  #decoded(bytes: Buffer): string {
    if (isUtf8(bytes)) return bytes.toString();
    if (this.#rules.showsBytes) return withBytesShown(bytes);
    throw new StdinLineError(
      'LINE_NOT_UTF8',
      this.#taken + 1,
      'is no UTF-8',
      'Convert it first, such as with `iconv -f latin1 -t utf8`',
    );
  }
}

/** A cut may have left the first bytes of a letter. */
function withoutHalfLetter(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes.length - end < 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1;
  const whole = bytes.subarray(0, Math.max(0, end - 1));
  return isUtf8(bytes) || !isUtf8(whole) ? bytes : whole;
}

/** What is no UTF-8 as `\xe9`, the rest as it is. */
function withBytesShown(bytes: Buffer): string {
  let text = '';
  for (let start = 0; start < bytes.length; ) {
    const length = [1, 2, 3, 4].find(
      (size) => start + size <= bytes.length && isUtf8(bytes.subarray(start, start + size)),
    );
    text +=
      length === undefined
        ? `\\x${bytes[start]?.toString(16).padStart(2, '0')}`
        : bytes.toString('utf8', start, start + length);
    start += length ?? 1;
  }
  return text;
}
