import * as v from 'valibot';
import { absent, bytes, count, list, number, object, text } from '../printed.ts';

export const routes = list(object({ key: text, shard: number, url: text }));
export const servers = list(
  object({
    shard: number,
    url: text,
    role: v.picklist(['primary', 'replica', 'unknown']),
    state: v.picklist(['up', 'loading', 'syncing', 'unlinked', 'failing', 'down']),
    usedBytes: bytes,
    maxBytes: v.pipe(bytes, v.description('0: no limit')),
    opsPerSec: number,
    clients: count,
    keys: count,
    slots: absent(count),
    lagSeconds: absent(number),
  }),
);
