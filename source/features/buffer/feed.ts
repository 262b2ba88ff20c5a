import { registeredPage } from '../../redis/registry.ts';
import type { Feed } from '../feature.ts';
import { isOwnType } from './keys.ts';
import { glance } from './pending.ts';
import { type BufferSlice, learn } from './state.ts';

const mostTypes = 50;

/** Three commands for each reading, however many types there are (in Cluster one for each type). */
export const feed: Feed<BufferSlice> = {
  everyMs: 2000,
  async read({ redis }) {
    const { names, total } = await registeredPage(redis, 'buffer', mostTypes);
    const own = names.filter(isOwnType);
    const readings = await glance(redis, own);
    const others = names.length - own.length;
    const nowMs = Date.now();
    return (slice) => learn(slice, readings, nowMs, total - others);
  },
};
