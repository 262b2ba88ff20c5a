import type { Client } from '../../../redis/client.ts';
import { guessedUtf16, Utf8Stream, utf16Of } from '../../../utf16.ts';
import { Hits } from '../../hits/hits.ts';
import { LogWriter } from '../../log/writer.ts';
import type { Delivery } from './delivery.ts';
import { type LineBatch, newline, WholeLines } from './line-batch.ts';

/** Counts the lines that are consumed: as messages of a log, as hits of a series, or both. */
export type LineCounter = {
  /** Takes the batches of a part in their order. */
  take(batch: LineBatch, delivery: Delivery): Promise<void>;
  /** Resolves once everything taken is in Redis: before a part is acknowledged. */
  flush(): Promise<void>;
};

type Records = ReturnType<LogWriter['lines']>;

export type LineCounterOptions = {
  readonly common: string | undefined;
  readonly hits: string | undefined;
  /** Which lines are one message, of `common`; each is one unless given. */
  readonly multiline: NonNullable<Parameters<LogWriter['lines']>[0]>['multiline'];
};

/**
 * Undefined when nothing is to be counted.
 *
 * What is not whole at the end of a part, such as a stack trace, counts as far as it came, before the part is
 * acknowledged; its rest, in the next part, is left out while this process lives.
 */
export function makeLineCounter(
  redis: Client,
  { common, hits: series, multiline }: LineCounterOptions,
): LineCounter | undefined {
  if (common === undefined && series === undefined) return;
  const log = common === undefined ? undefined : new LogWriter(redis, common);
  const hits = series === undefined ? undefined : new Hits(redis);
  const files = new Map<string, FileLines>();
  let current: Delivery | undefined;

  const count = async (lines: readonly Buffer[], records: Records | undefined): Promise<void> => {
    if (series !== undefined) hits?.add(series, lines.length);
    if (!records) return;
    for (const line of lines) {
      if (!records.take(textOf(line))) await log?.drained();
    }
  };
  return {
    async take(batch, delivery) {
      // A part that is taken once more begins anew, and so does another generation of its file.
      if (delivery !== current && (delivery.part === current?.part || delivery.at === 0))
        files.delete(delivery.file);
      let file = files.get(delivery.file);
      if (!file) {
        file = new FileLines(formOf(batch, delivery), log?.lines({ multiline }));
        files.set(delivery.file, file);
      }
      current = delivery;
      await count(file.linesOf(batch), file.records);
    },
    async flush() {
      const file = files.get(current?.file ?? '');
      if (current && file) {
        if (current.endsLine) await count(file.rest(), file.records);
        file.records?.settle();
        // Of most files there is nothing to know.
        if (current.isLast || !file.isKept) files.delete(current.file);
      }
      await Promise.all([log?.flush(), hits?.flush()]);
    },
  };
}

/** How the text of a part is turned into UTF-8, where it is none. */
function formOf({ bytes }: LineBatch, { at, file }: Delivery): Utf8Stream | undefined {
  if (utf16Of(bytes)) return new Utf8Stream();
  // Where this process came later its beginning has gone.
  const form = at === 0 || file.endsWith('.gz') ? undefined : guessedUtf16(bytes, at);
  return form && new Utf8Stream({ form, isWithin: at % 2 === 1 });
}

/** A longer line counts by its beginning. */
const longestLineBytes = 1024 * 1024;
const nothing = Buffer.alloc(0);

/** What is known of a file from one part to the next. */
class FileLines {
  readonly records: Records | undefined;
  readonly #utf8: Utf8Stream | undefined;
  /** The beginning of a line of UTF-16. */
  #rest: Buffer = nothing;

  constructor(utf8: Utf8Stream | undefined, records: Records | undefined) {
    this.#utf8 = utf8;
    this.records = records;
  }

  get isKept(): boolean {
    return this.#utf8 !== undefined || this.records?.isOpen === true;
  }

  linesOf(batch: LineBatch): readonly Buffer[] {
    // The beginning of a line that was cut counts when its end comes.
    if (!this.#utf8) return batch.end === 'cut' ? batch.lines.slice(0, -1) : batch.lines;
    const bytes = this.#utf8.take(batch.bytes);
    const end = bytes.lastIndexOf(newline) + 1;
    const lines = end === 0 ? [] : new WholeLines(this.#rest, bytes.subarray(0, end)).lines;
    if (end > 0) this.#rest = nothing;
    if (this.#rest.length < longestLineBytes) this.#rest = Buffer.concat([this.#rest, bytes.subarray(end)]);
    return lines;
  }

  /** The last line of a text of UTF-16 that has no end. */
  rest(): readonly Buffer[] {
    const rest = this.#rest;
    this.#rest = nothing;
    return rest.length > 0 ? [rest] : [];
  }
}

function textOf(line: Buffer): string {
  return line.toString('utf8', 0, line.at(-1) === 0x0d ? line.length - 1 : line.length);
}
