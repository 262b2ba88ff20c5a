import { formatDuration } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { statuses } from './channel/status.ts';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { initial, type ShipSlice, selectedChannel } from './state.ts';

export default defineFeature<ShipSlice>({
  noun: 'ship',
  summary: 'files on their way through Redis to every consumer, within a budget of bytes',
  initial: () => initial,
  feed,
  commands,
  keys,
  headline(slice) {
    const channel = selectedChannel(slice);
    const others = (slice.channels?.length ?? 0) - 1;
    return channel === undefined ? '' : `${channel}${others > 0 ? `  +${others}` : ''}`;
  },
  alerts({ shown }) {
    return (shown?.consumers ?? [])
      .filter(({ state }) => state === 'stalled')
      .map(
        ({ id, silentMs }) =>
          `ship.stalled: consumer ${id} of ${shown?.channel}, ${formatDuration(silentMs)}`,
      );
  },
  snapshot: async ({ redis }) => (await statuses(redis)).found,
  doctor,
  pane: async () => (await import('./ship-pane.tsx')).ShipPane,
});
