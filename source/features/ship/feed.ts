import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../redis/client.ts';
import { steadyMoment } from '../../ui/moment.ts';
import type { Feed } from '../feature.ts';
import type { ConsumerStatus } from './channel/channel-state.ts';
import { leaseMs } from './channel/participant.ts';
import { type ChannelView, channels, look } from './channel/status.ts';
import {
  type ChannelRow,
  type ConsumerRow,
  type Elsewhere,
  learn,
  type ShipSlice,
  selectedChannel,
} from './state.ts';

/** Reads the names of all channels, everything about the selected one, and how one of the others is. */
export const feed: Feed<ShipSlice> = {
  everyMs: 750,
  isWhole: ({ channels, elsewhere }) => channels !== undefined && elsewhere.length + 1 >= channels.length,

  async read({ redis }, slice) {
    const names = channels(redis);
    const known = selectedChannel(slice);
    const view = known === undefined ? undefined : look(redis, known);
    const found = await names;
    const other = nextOf(redis, found, known ?? found[0]);
    const looking = other === undefined ? undefined : look(redis, other);
    // What was not known a moment ago is looked at right away.
    const channel = known ?? found[0];
    const [shown, aside] = await Promise.all([
      view ?? (channel === undefined ? undefined : look(redis, channel)),
      looking,
    ]);
    const nowMs = Date.now();
    return (before) => {
      const row = shown && rowOf(shown, before.shown, nowMs);
      const knownAside = before.elsewhere.find(({ channel: own }) => own === aside?.channel);
      const reading = {
        channels: found,
        shown: row,
        other: aside && elsewhereOf(aside, knownAside?.consumers, nowMs),
        at: shown?.at ?? 0,
      };
      const isSwitched = shown && selectedChannel({ ...before, channels: found }) !== shown.channel;
      const after = isSwitched ? { ...before, channels: found } : learn(before, reading);
      return isDeepStrictEqual(after, before) ? before : after;
    };
  },
};

/** How many readings each console has made: whose turn it is among the channels that are not shown. */
const turns = new WeakMap<Client, number>();

function nextOf(redis: Client, channels: readonly string[], shown: string | undefined): string | undefined {
  const others = channels.filter((channel) => channel !== shown);
  const turn = turns.get(redis) ?? 0;
  turns.set(redis, turn + 1);
  return others[turn % Math.max(1, others.length)];
}

function rowOf(view: ChannelView, before: ChannelRow | undefined, nowMs: number): ChannelRow {
  const { totals, peakBytes } = view;
  return {
    channel: view.channel,
    budgetBytes: view.budgetBytes,
    usedBytes: view.usedBytes,
    peakBytes,
    state: view.state,
    reason: view.reason,
    files: totals.files,
    filesFound: totals.filesFound,
    bytes: totals.bytes,
    bytesFound: totals.bytesFound,
    parts: view.parts.map(({ part, file, bytes, share, finished, missing, aside, state }) => ({
      part,
      file,
      bytes,
      share: share === undefined ? undefined : Math.round(share * 100),
      finished,
      missing,
      aside,
      state,
    })),
    partsInRedis: view.partsInRedis,
    consumers: consumersOf(view, before?.channel === view.channel ? before.consumers : [], nowMs),
  };
}

function elsewhereOf(view: ChannelView, known: readonly ConsumerRow[] = [], nowMs: number): Elsewhere {
  const { channel, state, reason } = view;
  return { channel, state, reason, consumers: consumersOf(view, known, nowMs) };
}

function consumersOf(
  { consumers, at }: ChannelView,
  known: readonly ConsumerRow[],
  nowMs: number,
): readonly ConsumerRow[] {
  return consumers.map((consumer) =>
    consumerRow(
      consumer,
      at,
      known.find(({ id }) => id === consumer.id),
      nowMs,
    ),
  );
}

/** Ages are given only for those who are missed, so that nothing is painted while nothing happens. */
function consumerRow(
  { id, lag, aside, seenMs, stalledMs }: ConsumerStatus,
  at: number,
  known: ConsumerRow | undefined,
  nowMs: number,
): ConsumerRow {
  const silentMs = seenMs === null ? 0 : at - seenMs;
  if (stalledMs !== null) {
    const sinceMs = seenMs === null ? at - stalledMs : silentMs;
    return {
      id,
      lag,
      aside,
      state: 'stalled',
      silentSinceMs: steadyMoment(known?.silentSinceMs, nowMs - sinceMs),
    };
  }
  if (seenMs === null) return { id, lag, aside, state: 'unseen', silentSinceMs: undefined };
  return { id, lag, aside, state: silentMs > leaseMs ? 'away' : 'live', silentSinceMs: undefined };
}
