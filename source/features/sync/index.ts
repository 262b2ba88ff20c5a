import { registryKey } from '../../redis/registry.ts';
import { counted } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { channelsOf, initial, type SyncSlice, syncList } from './state.ts';
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
  isEmpty: ({ targets = [], wrong, totals }) => targets.length === 0 && wrong.length === 0 && !totals,
  headline({ targets = [], totals }) {
    if (totals) {
      const rows = totals.targets === undefined ? [] : [counted(totals.targets, 'target')];
      return [channelsOf(targets, totals), ...rows].join('  ');
    }
    const [only] = targets;
    if (!only) return '';
    if (targets.length > 1) return `${targets.length} targets`;
    return `${only.base} → ${only.target}`;
  },
  needs: needsOf,
  doctor,
  snapshot: ({ redis, warn }) => status(redis, warn),
  nothing: {
    words: 'Nothing is synced yet',
    looked: [registryKey('sync')],
    first: 'quarterdeck sync run DIR DEST',
  },
  pane: async () => (await import('./sync-pane.tsx')).SyncPane,
});
