import * as v from 'valibot';
import { bytes, count, list, moment, number, object, orNull, span, text, texts, truth } from '../printed.ts';
import { leaseStates } from '../topic/condition.ts';
import { conditions } from './state.ts';

const haltReason = v.picklist(['base-replaced', 'target-missing', 'base-empty', 'too-many-deletions']);
const halt = object({
  reason: haltReason,
  message: text,
  would: count,
  of: count,
  most: count,
  sample: texts,
  sinceMs: moment,
  token: text,
});
export const notified = object({ channel: text, count, id: number });
export const watched = object({ channel: text, count });
export const event = v.union([
  object({
    batch: number,
    files: count,
    bytes,
    deleted: count,
    failed: count,
    refused: count,
    durationMs: span,
  }),
  object({
    full: number,
    files: count,
    deleted: count,
    failed: count,
    leftOut: count,
    missedByEvents: count,
    durationMs: span,
  }),
  object({ halted: halt }),
  object({ resumed: object({ deletes: orNull(number, 'null: none was given'), adopted: truth }) }),
]);
export const targets = list(
  object({
    channel: text,
    base: text,
    target: text,
    queued: count,
    lastBatchAt: orNull(moment, 'null: there was none'),
    lastFullAt: orNull(moment, 'null: there was none'),
    lastFiles: count,
    lastBytes: bytes,
    synced: count,
    failed: count,
    refused: count,
    missedByEvents: count,
    error: orNull(text, 'null: nothing is wrong'),
    failures: list(object({ path: text, reason: text })),
    leftOut: count,
    notKept: orNull(text),
    halted: orNull(halt, 'null: it is not halted'),
    real: orNull(text),
    state: v.picklist(leaseStates),
    condition: v.picklist(conditions),
  }),
);
export const resumed = object({
  channel: text,
  base: text,
  target: text,
  reason: haltReason,
  deletes: orNull(number, 'null: none was given'),
  adopt: truth,
});
export const forgotten = object({ channel: text, base: text, target: text, freed: count });
