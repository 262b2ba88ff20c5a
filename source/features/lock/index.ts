import { registered } from '../../redis/registry.ts';
import { formatCount } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { inspectAll, unreadableText } from './inspect.ts';
import { keys } from './key-bindings.ts';
import { lockJson } from './list.ts';
import { initial, type LockSlice, lockList, totals } from './state.ts';

export default defineFeature<LockSlice>({
  noun: 'lock',
  summary: 'who holds what, for how long, and who waits for it',
  initial: () => initial,
  feed,
  commands,
  keys,
  list: lockList,
  headline: totals,
  alerts: ({ locks, wrong, moreEndless }) => [
    ...locks
      .filter(({ isHeld, endsAtMs, waiting }) => isHeld && endsAtMs === undefined && waiting > 0)
      .map(({ name, waiting }) => `lock ${name} has no TTL and ${waiting} waiting`),
    ...(moreEndless > 0 ? [`${formatCount(moreEndless)} more locks have no TTL and somebody waiting`] : []),
    ...wrong,
  ],
  async snapshot({ redis, warn }) {
    const { locks, unreadable } = await inspectAll(redis, await registered(redis, 'lock'));
    for (const one of unreadable) warn?.(unreadableText(one));
    return locks.map(lockJson);
  },
  ticks: ({ locks }) => locks.length > 0,
  clocks: ['heldMs', 'ttlMs', 'waitedMs'],
  doctor,
  pane: async () => (await import('./lock-pane.tsx')).LockPane,
});
