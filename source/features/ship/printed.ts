import * as v from 'valibot';
import {
  absent,
  bytes,
  count,
  list,
  moment,
  number,
  object,
  orNull,
  span,
  text,
  texts,
  truth,
} from '../printed.ts';
import { channelStates, consumerConditions } from './channel/channel-state.ts';
import { fileStates } from './channel/status.ts';

export const shipped = object({
  channel: text,
  files: count,
  bytes,
  parts: count,
  budgetBytes: bytes,
  peakBytes: bytes,
  waitedMs: span,
  durationMs: span,
});
export const line = object({
  file: text,
  line: text,
  continues: absent(v.literal(true)),
  base64: absent(v.pipe(text, v.description('the line as it is, where it is no UTF-8'))),
});
export const consumed = object({ channel: text, consumer: text, files: count, bytes, parts: count });
export const channels = list(
  object({
    channel: text,
    budgetBytes: bytes,
    usedBytes: bytes,
    peakBytes: bytes,
    state: v.picklist(channelStates),
    consumers: list(
      object({
        id: text,
        done: count,
        lag: count,
        aside: count,
        seenMs: orNull(moment, 'null: never seen'),
        stalledMs: orNull(moment, 'null: it does not stay away, if `isJudged`'),
        isJudged: v.pipe(truth, v.description('false: too few parts were looked at to tell')),
        condition: v.picklist(consumerConditions),
      }),
    ),
    totals: object({ files: count, bytes, parts: count, filesFound: count, bytesFound: bytes }),
    reason: text,
    aside: count,
    files: list(
      object({
        name: text,
        bytes,
        shippedBytes: bytes,
        done: count,
        want: count,
        state: v.picklist(fileStates),
      }),
    ),
    unlisted: count,
  }),
);
export const forgotten = object({ channel: text, consumer: text, freedBytes: bytes });
export const aside = list(
  object({
    channel: text,
    consumer: text,
    part: text,
    file: text,
    bytes,
    reason: text,
    sinceMs: moment,
    tries: number,
    isRetried: truth,
  }),
);
export const retried = object({ channel: text, consumer: text, retried: count, unknown: texts });
export const dropped = object({
  channel: text,
  consumer: text,
  dropped: texts,
  freedBytes: bytes,
  unknown: texts,
});
