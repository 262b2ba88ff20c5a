import * as v from 'valibot';
import { absent, count, list, number, object, orNull, span, text, truth } from '../printed.ts';
import { conditions } from './condition.ts';

const owner = object({ host: text, pid: number, label: text });

export const acquired = object({
  name: text,
  token: orNull(text, 'null: not obtained'),
  fence: orNull(number, 'null: not obtained'),
  ttlMs: span,
});
export const extended = object({ name: text, token: text, fence: number, ttlMs: span });
export const released = object({ name: text, released: v.literal(true) });
export const broken = object({
  name: text,
  broken: truth,
  owner: absent(orNull(owner, 'null: it was taken by another program')),
});
export const locks = list(
  object({
    name: text,
    owner: object({
      host: orNull(text),
      pid: orNull(number),
      label: orNull(text, 'null: nobody holds it; `(foreign)`: another program does'),
    }),
    isHeld: truth,
    isForeign: truth,
    fence: orNull(number),
    heldMs: orNull(span),
    ttlMs: orNull(span, 'null: it never ends by itself, or nobody holds it'),
    condition: v.picklist(conditions),
    waiters: list(object({ host: text, pid: number, label: text, waitedMs: span })),
    waiting: absent(count),
  }),
);
