import { messageOf } from '../../errors.ts';
import { registryKey } from '../../redis/registry.ts';
import { formatCount } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { statuses } from './channel/status.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { initial, type ShipSlice, selectedChannel, shipList, showChannel, showNeed } from './state.ts';

export default defineFeature<ShipSlice>({
  noun: 'ship',
  summary: 'files on their way through Redis to every consumer, within a budget of bytes',
  initial: () => initial,
  feed,
  commands,
  roles,
  keys,
  list: shipList,
  headline(slice) {
    const channel = selectedChannel(slice);
    const others = slice.total - 1;
    return channel === undefined ? '' : `${channel}${others > 0 ? `  +${formatCount(others)}` : ''}`;
  },
  ticks: ({ shown }) => shown?.consumers.some(({ silentSinceMs }) => silentSinceMs !== undefined) === true,
  isEmpty: ({ channels, wrong }) => channels?.length === 0 && wrong.length === 0,
  needs: needsOf,
  goTo: showNeed,
  places: {
    all: ({ channels = [] }) => channels.map((place) => ({ place, ties: [place] })),
    show: showChannel,
  },
  async snapshot({ redis, warn }) {
    const { found, faults, cuts } = await statuses(redis);
    for (const text of [...cuts, ...faults.map(({ error }) => messageOf(error))]) warn?.(text);
    return found;
  },
  doctor,
  nothing: {
    words: 'Nothing was shipped yet',
    looked: [registryKey('ship')],
    first: 'quarterdeck ship run PATH --channel logs: --consumers 1',
  },
  pane: async () => (await import('./ship-pane.tsx')).ShipPane,
});
