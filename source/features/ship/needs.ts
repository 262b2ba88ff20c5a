import type { Need } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import type { ConsumerRow, ShipSlice } from './state.ts';

export function needsOf({ shown, elsewhere }: ShipSlice): readonly Need[] {
  const all = [...(shown ? [shown] : []), ...elsewhere.filter(({ channel }) => channel !== shown?.channel)];
  return all.flatMap(({ channel, state, reason, consumers }) => {
    const own = consumers.flatMap((consumer) => needsOfConsumer(channel, consumer));
    // Nobody who reads is to blame: it is the shipper that stays away.
    const isShipper = state === 'stalled' && !consumers.some((consumer) => consumer.state === 'stalled');
    const shipper: Need = {
      kind: 'stalled',
      name: channel,
      severity: 'bad',
      words: `STALLED: ${reason}`,
      place: channel,
    };
    return [...own, ...(isShipper ? [shipper] : [])];
  });
}

function needsOfConsumer(
  channel: string,
  { id, lag, aside, state, silentSinceMs }: ConsumerRow,
): readonly Need[] {
  const about = {
    name: `${channel} consumer ${id}`,
    place: channel,
    row: `consumer ${id}`,
    figure: lag,
    sinceMs: silentSinceMs,
  };
  const putAside: readonly Need[] =
    aside === 0
      ? []
      : [{ ...about, kind: 'aside', severity: 'warn', words: `${counted(aside, 'part')} set aside` }];
  if (state === 'stalled') {
    const words = `STALLED, ${counted(lag, 'part')} behind`;
    return [{ ...about, kind: 'stalled', severity: 'bad', words }, ...putAside];
  }
  if (state !== 'unseen' || lag === 0) return putAside;
  const words = `never seen, ${counted(lag, 'part')} for it`;
  return [{ ...about, kind: 'unseen', severity: 'warn', words }, ...putAside];
}
