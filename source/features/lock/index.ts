import { registryKey } from '../../redis/registry.ts';
import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { inspectListed, unreadableText } from './inspect.ts';
import { keys } from './key-bindings.ts';
import { lockJson } from './list.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { initial, type LockSlice, lockList, totals } from './state.ts';

export default defineFeature<LockSlice>({
  noun: 'lock',
  summary: 'who holds what, for how long, and who waits for it',
  initial: () => initial,
  feed,
  commands,
  roles,
  keys,
  list: lockList,
  headline: totals,
  needs: needsOf,
  async snapshot({ redis, warn }) {
    const { locks, unreadable, cuts } = await inspectListed(redis);
    for (const text of [...cuts, ...unreadable.map(unreadableText)]) warn?.(text);
    return locks.map(lockJson);
  },
  ticks: ({ locks }) => locks.length > 0,
  clocks: ['heldMs', 'ttlMs', 'waitedMs'],
  doctor,
  nothing: {
    words: 'No lock is held that Quarterdeck knows of',
    looked: [registryKey('lock')],
    first: 'quarterdeck lock run NAME -- COMMAND',
  },
  discovery: {
    what: 'locks that other programs hold',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./lock-pane.tsx')).LockPane,
});
