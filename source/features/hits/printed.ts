import * as v from 'valibot';
import { absent, count, list, moment, number, object, orNull, span, text } from '../printed.ts';

const one = object({ series: text, added: count });
/** One, or with the series named by lines of stdin all of them. */
export const added = v.union([one, list(one)]);
const missing = absent(v.pipe(list(number), v.description('the servers that did not answer')));
export const sum = object({ series: text, fromMs: moment, toMs: moment, sum: count, missing });
export const points = object({
  series: text,
  stepMs: span,
  points: list(v.strictTuple([moment, count])),
  missing,
});
export const all = list(
  object({
    series: text,
    today: count,
    yesterday: orNull(count),
    lastHour: count,
    layout: absent(v.literal('seed')),
  }),
);
