import { chosenRow } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { type SyncSlice, syncList } from './state.ts';

export const keys: readonly KeyBinding<SyncSlice>[] = [
  {
    key: 'c',
    help: 'continue: let a halted target go on',
    verb: 'resume',
    eachMarked: true,
    refuse(slice) {
      const chosen = chosenRow(syncList, slice);
      if (!chosen) return 'There is no target to resume';
      if (chosen.halted === null) return `${chosen.target} is not halted`;
      return chosen.halted.reason === 'target-missing' ? `${chosen.target} lacks its marker` : undefined;
    },
    input(slice) {
      const { channel, base, target, halted } = chosenRow(syncList, slice) ?? {};
      const adopt = halted?.reason === 'base-replaced';
      return { channel, base, target, adopt, deletes: adopt ? undefined : halted?.would };
    },
  },
  {
    key: ['x', 'delete'],
    help: 'forget: a target that nobody serves any more',
    verb: 'forget',
    eachMarked: true,
    refuse(slice) {
      const chosen = chosenRow(syncList, slice);
      if (!chosen) return 'There is no target to forget';
      return chosen.state === 'live'
        ? `${chosen.target} is served: end its \`quarterdeck sync run\` first`
        : undefined;
    },
    input(slice) {
      const { channel, base, target } = chosenRow(syncList, slice) ?? {};
      return { channel, base, target };
    },
  },
];
