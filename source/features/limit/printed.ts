import * as v from 'valibot';
import { absent, count, list, number, object, orNull, span, text, truth } from '../printed.ts';
import { conditions } from './condition.ts';
import { algorithms } from './rules.ts';

export const verdict = object({
  subject: text,
  allowed: truth,
  limit: number,
  remaining: number,
  retryAfterMs: span,
  resetMs: span,
});
export const cleared = object({
  subject: text,
  cleared: count,
  undo: orNull(text, 'what `limit restore` takes; null: there was nothing to keep'),
});
export const restored = object({ subject: text, restored: count });
export const limits = list(
  object({
    subject: text,
    algorithm: v.picklist(algorithms),
    limit: orNull(number, 'null: only its key is known'),
    perMs: span,
    used: orNull(number),
    remaining: orNull(number),
    resetMs: span,
    denied: orNull(count),
    condition: orNull(v.picklist(conditions), 'null: of how much it is is not known'),
    layout: absent(v.literal('seed')),
  }),
);
