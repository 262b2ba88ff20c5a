import { defineFeature } from '../feature.ts';
import { statuses } from './channel/status.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { initial, type ShipSlice, selectedChannel, shipList, showNeed } from './state.ts';

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
    const others = (slice.channels?.length ?? 0) - 1;
    return channel === undefined ? '' : `${channel}${others > 0 ? `  +${others}` : ''}`;
  },
  ticks: ({ shown }) => shown?.consumers.some(({ silentSinceMs }) => silentSinceMs !== undefined) === true,
  isEmpty: ({ channels }) => channels?.length === 0,
  needs: needsOf,
  goTo: showNeed,
  async snapshot({ redis, warn }) {
    const { found, wrong } = await statuses(redis);
    for (const { message } of wrong) warn?.(message);
    return found;
  },
  doctor,
  pane: async () => (await import('./ship-pane.tsx')).ShipPane,
});
