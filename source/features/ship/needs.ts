import { atMost, type Need, unreadable } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import type { ConsumerRow, Elsewhere, ShipSlice } from './state.ts';

/** Of channels that are not looked at in each reading. */
const mostFurther = 50;

export function needsOf({ shown, elsewhere, further, furtherUnkept, wrong }: ShipSlice): readonly Need[] {
  const all = [...(shown ? [shown] : []), ...elsewhere.filter(({ channel }) => channel !== shown?.channel)];
  const known = new Set(all.map(({ channel }) => channel));
  const own = all.flatMap(needsOfChannel);
  const others = further.filter(({ place = '' }) => !known.has(place));
  const unkept = further.length + furtherUnkept - own.length - others.length;
  return [
    ...own,
    ...atMost(others, mostFurther, 'other channels', Math.max(0, unkept)),
    ...wrong.map(unreadable),
  ];
}

/** What is wrong with a channel, if anything. */
export function needsOfChannel({ channel, state, reason, consumers }: Elsewhere): readonly Need[] {
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
