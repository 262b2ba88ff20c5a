import type { Client } from '../../../redis/client.ts';
import { Hits } from '../../hits/hits.ts';
import { LogWriter } from '../../log/writer.ts';
import type { LineBatch } from './line-batch.ts';

/** Counts the lines that are consumed: as messages of a log, as hits of a series, or both. */
export type LineCounter = {
  take(batch: LineBatch): Promise<void>;
  /** Resolves once everything taken is in Redis: before a part is acknowledged. */
  flush(): Promise<void>;
};

export type LineCounterOptions = { readonly common: string | undefined; readonly hits: string | undefined };

/** Undefined when nothing is to be counted. */
export function makeLineCounter(
  redis: Client,
  { common, hits: series }: LineCounterOptions,
): LineCounter | undefined {
  if (common === undefined && series === undefined) return;
  const log = common === undefined ? undefined : new LogWriter(redis, common);
  const hits = series === undefined ? undefined : new Hits(redis);
  return {
    async take({ lines, end }) {
      // The beginning of a line that was cut counts when its end comes.
      const whole = end === 'cut' ? lines.slice(0, -1) : lines;
      if (series !== undefined) hits?.add(series, whole.length);
      if (!log) return;
      for (const line of whole) {
        if (!log.write(textOf(line))) await log.room();
      }
    },
    async flush() {
      await Promise.all([log?.flush(), hits?.flush()]);
    },
  };
}

function textOf(line: Buffer): string {
  return line.toString('utf8', 0, line.at(-1) === 0x0d ? line.length - 1 : line.length);
}
