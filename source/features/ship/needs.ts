import { atMost, type Need, unreadable } from '../../need.ts';
import { counted } from '../../ui/format.ts';
import { channelSeverities, consumerSeverity } from './channel/channel-state.ts';
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
  const severity = channelSeverities[state];
  // Else it is no shipper that stays away.
  if (severity === undefined || consumers.some((consumer) => consumer.state === state)) return own;
  const words = `${state.toUpperCase()}: ${reason}`;
  return [...own, { kind: state, name: channel, severity, words, place: channel }];
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
  const severity = consumerSeverity(state, lag);
  if (severity === undefined) return putAside;
  const word = severity === 'bad' ? state.toUpperCase() : state;
  const words = `${word}, ${counted(lag, 'part')} ${state === 'unseen' ? 'for it' : 'behind'}`;
  return [{ ...about, kind: state, severity, words }, ...putAside];
}
