import { isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { forgetIdle, known, type LockFigures, survey } from './inspect.ts';
import { type LockSlice, learn } from './state.ts';
import { place } from './token.ts';

/** In Cluster each lock costs a command of its own. */
const mostLocks = { standalone: 300, cluster: 8 };
const mostWaiters = 20;
/** Of how many readings one also tidies the index. */
const tidyOneIn = 60;

/** Two commands a reading: the names in the index, and a look at all of them. */
export const feed: Feed<LockSlice> = {
  everyMs: 1000,
  async read({ redis, config }) {
    const names = await known(redis, isCluster(redis) ? mostLocks.cluster : mostLocks.standalone);
    const { nowMs, locks, idle, wrong } = await survey(redis, names, mostWaiters);
    if (!config.readOnly && Math.random() < 1 / tidyOneIn) await forgetIdle(redis, nowMs, idle);
    const reading = { nowMs: Date.now(), known: names.length, wrong, locks: locks.map(asRow) };
    return (slice) => learn(slice, reading);
  },
};

function asRow({ name, token, owner, fence, heldMs, ttlMs, waiting, waiters }: LockFigures) {
  return {
    name,
    token,
    owner: place(token),
    label: owner?.label ?? '',
    fence,
    heldMs,
    ttlMs,
    waiting,
    waiters: waiters.map(({ host, pid, label, waitedMs }) => ({ place: `${host}:${pid}`, label, waitedMs })),
  };
}
