import * as v from 'valibot';
import { absent, bytes, count, list, moment, number, object, orNull, span, text } from '../printed.ts';
import { conditions, leaseStates } from './condition.ts';

export const published = object({
  topic: text,
  first: number,
  last: number,
  count,
  complete: absent(v.literal(true)),
});
const at = orNull(moment, 'null: this layout does not say');
export const message = object({ id: number, at, message: text });
export const item = v.union([
  message,
  object({ gap: object({ from: number, to: number, reason: absent(text) }) }),
]);
export const topics = list(
  object({
    topic: text,
    layout: v.picklist(['own', 'seed']),
    at: moment,
    lastId: number,
    floor: number,
    retained: count,
    bytes: orNull(bytes, 'null: this user may not ask'),
    lapseMs: span,
    subscribers: list(
      object({
        name: text,
        position: number,
        lag: count,
        seenMs: moment,
        state: v.picklist(leaseStates),
        condition: v.picklist(conditions),
        missed: count,
        oldestAt: orNull(moment),
        owner: text,
        blocked: orNull(object({ id: number, attempts: number, error: text }), 'null: it is not blocked'),
        aside: count,
      }),
    ),
    subscriberCount: absent(count),
  }),
);
export const aside = list(
  object({
    topic: text,
    name: text,
    id: number,
    at,
    message: text,
    reason: text,
    tries: count,
    sinceMs: moment,
    isCut: absent(v.literal(true)),
  }),
);
export const dropped = object({ topic: text, name: text, freed: count });
export const discarded = object({ topic: text, name: text, discarded: list(number) });
