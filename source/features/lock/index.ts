import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { list } from './inspect.ts';
import { keys } from './key-bindings.ts';
import { lockJson } from './list.ts';
import { initial, type LockSlice } from './state.ts';

export default defineFeature<LockSlice>({
  noun: 'lock',
  summary: 'who holds what, for how long, and who waits for it',
  initial: () => initial,
  feed,
  commands,
  keys,
  headline({ locks, known }) {
    if (known === undefined) return '';
    const held = locks.filter(({ token }) => token !== '').length;
    const waiting = locks.reduce((sum, lock) => sum + lock.waiting, 0);
    return waiting === 0 ? `${held} held` : `${held} held  ${waiting} waiting`;
  },
  alerts: ({ locks, wrong }) => [
    ...locks
      .filter(({ token, endsAtMs, waiting }) => token !== '' && endsAtMs === undefined && waiting > 0)
      .map(({ name, waiting }) => `lock ${name} has no TTL and ${waiting} waiting`),
    ...wrong.map((name) => `lock ${name} holds other data`),
  ],
  snapshot: async ({ redis }) => (await list(redis)).map(lockJson),
  ticks: ({ locks }) => locks.length > 0,
  clocks: ['heldMs', 'ttlMs', 'waitedMs'],
  doctor,
  pane: async () => (await import('./lock-pane.tsx')).LockPane,
});
