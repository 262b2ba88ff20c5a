import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { initial, type SyncSlice, syncList } from './state.ts';
import { status } from './status.ts';

export default defineFeature<SyncSlice>({
  noun: 'sync',
  summary: 'folders whose files follow their change messages to other disks at once',
  initial: () => initial,
  feed,
  commands,
  roles,
  keys,
  list: syncList,
  headline({ targets = [] }) {
    const [only] = targets;
    if (!only) return '';
    if (targets.length > 1) return `${targets.length} targets`;
    return `${only.base} → ${only.target}`;
  },
  needs: needsOf,
  doctor,
  snapshot: ({ redis, warn }) => status(redis, warn),
  pane: async () => (await import('./sync-pane.tsx')).SyncPane,
});
