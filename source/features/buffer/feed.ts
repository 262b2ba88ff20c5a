import { registered } from '../../redis/registry.ts';
import type { Feed } from '../feature.ts';
import { isOwnType } from './keys.ts';
import { glance } from './pending.ts';
import { type BufferSlice, learn } from './state.ts';

const mostTypes = 50;

/** Two commands for each reading, however many types there are (in Cluster one for each type). */
export const feed: Feed<BufferSlice> = {
  everyMs: 2000,
  async read({ redis }) {
    const types = await registered(redis, 'buffer', mostTypes);
    const readings = await glance(redis, types.filter(isOwnType));
    const nowMs = Date.now();
    return (slice) => learn(slice, readings, nowMs);
  },
};
