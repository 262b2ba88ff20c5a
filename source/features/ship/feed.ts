import { isDeepStrictEqual } from 'node:util';
import { steadyMoment } from '../../ui/moment.ts';
import type { Feed } from '../feature.ts';
import type { ConsumerStatus } from './channel/channel-state.ts';
import { leaseMs } from './channel/participant.ts';
import { type ChannelView, channels, look } from './channel/status.ts';
import { type ChannelRow, type ConsumerRow, learn, type ShipSlice, selectedChannel } from './state.ts';

/** Reads the names of all channels and everything about the selected one: two or three commands. */
export const feed: Feed<ShipSlice> = {
  everyMs: 750,

  async read({ redis }, slice) {
    const names = channels(redis);
    const known = selectedChannel(slice);
    const view = known === undefined ? undefined : look(redis, known);
    const found = await names;
    // What was not known a moment ago is looked at right away.
    const channel = known ?? found[0];
    const shown = await (view ?? (channel === undefined ? undefined : look(redis, channel)));
    const nowMs = Date.now();
    return (before) => {
      const row = shown && rowOf(shown, before.shown, nowMs);
      const reading = { channels: found, shown: row, at: shown?.at ?? 0 };
      const isSwitched = shown && selectedChannel({ ...before, channels: found }) !== shown.channel;
      const after = isSwitched ? { ...before, channels: found } : learn(before, reading);
      return isDeepStrictEqual(after, before) ? before : after;
    };
  },
};

function rowOf(view: ChannelView, before: ChannelRow | undefined, nowMs: number): ChannelRow {
  const { totals, peakBytes, at } = view;
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
    parts: view.parts.map(({ part, file, bytes, share, finished, missing, state }) => ({
      part,
      file,
      bytes,
      share: share === undefined ? undefined : Math.round(share * 100),
      finished,
      missing,
      state,
    })),
    partsInRedis: view.partsInRedis,
    consumers: view.consumers.map((consumer) => {
      const known = before?.channel === view.channel ? before.consumers : [];
      return consumerRow(
        consumer,
        at,
        known.find(({ id }) => id === consumer.id),
        nowMs,
      );
    }),
  };
}

/** Ages are given only for those who are missed, so that nothing is painted while nothing happens. */
function consumerRow(
  { id, lag, seenMs, stalledMs }: ConsumerStatus,
  at: number,
  known: ConsumerRow | undefined,
  nowMs: number,
): ConsumerRow {
  const silentMs = seenMs === null ? 0 : at - seenMs;
  if (stalledMs !== null) {
    const sinceMs = seenMs === null ? at - stalledMs : silentMs;
    return { id, lag, state: 'stalled', silentSinceMs: steadyMoment(known?.silentSinceMs, nowMs - sinceMs) };
  }
  if (seenMs === null) return { id, lag, state: 'unseen', silentSinceMs: undefined };
  return { id, lag, state: silentMs > leaseMs ? 'away' : 'live', silentSinceMs: undefined };
}
