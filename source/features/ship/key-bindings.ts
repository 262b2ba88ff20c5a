import { chosenRow } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { type ConsumerRow, type ShipSlice, selectedChannel, shipList, step } from './state.ts';

export const keys: readonly KeyBinding<ShipSlice>[] = [
  { key: ['right', 'l', ']'], help: 'next channel', change: (slice) => step(slice, 1) },
  { key: ['left', 'h', '['], help: 'previous channel', change: (slice) => step(slice, -1) },
  {
    key: ['x', 'delete'],
    help: 'forget: a consumer that stays away, so that nothing waits for it any more',
    verb: 'forget',
    eachMarked: true,
    refuse: (slice) => (chosenConsumer(slice) ? undefined : 'No consumer is chosen'),
    input: (slice) => ({ channel: selectedChannel(slice), consumer: chosenConsumer(slice)?.id }),
  },
];

function chosenConsumer(slice: ShipSlice): ConsumerRow | undefined {
  const row = chosenRow(shipList, slice);
  return row?.kind === 'consumer' ? row.consumer : undefined;
}
