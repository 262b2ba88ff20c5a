import * as v from 'valibot';
import { absent, count, list, moment, number, object, orNull, span, text, texts, truth } from '../printed.ts';
import { bufferStates } from './state.ts';

export const counted = object({
  type: text,
  id: text,
  pending: number,
  lines: absent(count),
  total: absent(number),
});
export const pending = list(
  object({
    type: text,
    ids: count,
    total: number,
    exact: v.pipe(truth, v.description('false: the totals are past 2^53 and rounded')),
    inflight: number,
    inflightIds: count,
    batch: orNull(text, 'null: none is in flight'),
    aside: number,
    asideIds: count,
    oldestMs: orNull(moment, 'null: nothing waits'),
    oldestAgeMs: orNull(span, 'null: nothing waits'),
    last: orNull(
      object({ rows: number, total: number, durationMs: span, atMs: moment }),
      'null: it was never flushed',
    ),
    failure: orNull(
      object({
        attempts: number,
        message: text,
        sinceMs: moment,
        retryAtMs: orNull(moment, 'null: nobody tries'),
      }),
      'null: it does not fail',
    ),
    condition: v.picklist(bufferStates),
  }),
);
export const flushed = object({
  type: text,
  batch: orNull(text, 'null: nothing was pending'),
  rows: count,
  total: number,
  aside: count,
  leftPending: count,
  setAside: v.pipe(count, v.description('as leftPending, its name before')),
  durationMs: span,
});
export const aside = list(
  object({
    type: text,
    id: text,
    count: number,
    code: orNull(text),
    reason: orNull(text),
    sinceMs: orNull(moment),
    tries: number,
    nextRetryMs: orNull(moment),
  }),
);
export const retried = object({ type: text, retried: count, unknown: texts });
export const dropped = object({
  type: text,
  dropped: list(object({ id: text, count: number })),
  unknown: texts,
});
