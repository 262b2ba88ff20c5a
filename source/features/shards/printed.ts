import * as v from 'valibot';
import { absent, bytes, count, list, number, object, orNull, text } from '../printed.ts';
import { conditions } from './condition.ts';

export const routes = list(object({ key: text, shard: number, url: text }));
export const servers = list(
  object({
    shard: number,
    url: text,
    role: v.picklist(['primary', 'replica', 'unknown']),
    state: v.picklist(conditions),
    usedBytes: orNull(bytes),
    maxBytes: orNull(bytes, '0: no limit; null: not known'),
    opsPerSec: orNull(number),
    clients: orNull(count),
    keys: orNull(count),
    slots: absent(count),
    lagSeconds: absent(number),
  }),
);
