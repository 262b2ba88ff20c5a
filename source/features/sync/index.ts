import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { conditionText, initial, type SyncSlice, select } from './state.ts';
import { status } from './status.ts';

export default defineFeature<SyncSlice>({
  noun: 'sync',
  summary: 'folders whose files follow their change messages to other disks at once',
  initial: () => initial,
  feed,
  commands,
  keys: [
    { key: ['up', 'k'], help: 'target above', change: (slice) => select(slice, -1) },
    { key: ['down', 'j'], help: 'target below', change: (slice) => select(slice, 1) },
    {
      key: 'r',
      help: 'resume: let a halted target go on',
      verb: 'resume',
      refuse({ targets, selected }) {
        const chosen = targets[selected];
        if (!chosen) return 'There is no target to resume';
        return chosen.halted === null ? `${chosen.target} is not halted` : undefined;
      },
      input({ targets, selected }) {
        const { channel, base, target, halted } = targets[selected] ?? {};
        const adopt = halted?.reason === 'base-replaced';
        return { channel, base, target, adopt, deletes: adopt ? undefined : halted?.would };
      },
    },
    {
      key: ['x', 'delete'],
      help: 'forget: a target that nobody serves any more',
      verb: 'forget',
      refuse({ targets, selected }) {
        const chosen = targets[selected];
        if (!chosen) return 'There is no target to forget';
        return chosen.state === 'live'
          ? `${chosen.target} is served: end its \`quarterdeck sync run\` first`
          : undefined;
      },
      input({ targets, selected }) {
        const { channel, base, target } = targets[selected] ?? {};
        return { channel, base, target };
      },
    },
  ],
  headline({ targets }) {
    const [only] = targets;
    if (!only) return '';
    if (targets.length > 1) return `${targets.length} targets`;
    return `${only.base} → ${only.target}`;
  },
  alerts: ({ targets }) =>
    targets
      .filter(({ condition }) => ['halted', 'down', 'retrying'].includes(condition))
      .map(({ target, condition }) => `sync ${target} ${conditionText(condition)}`),
  doctor,
  snapshot: ({ redis }) => status(redis),
  pane: async () => (await import('./sync-pane.tsx')).SyncPane,
});
