/** One part that takes room in Redis. */
export type PartRow = {
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  /** How much of the file there is up to the end of this part, in percent; undefined while it grows. */
  readonly share: number | undefined;
  readonly finished: readonly string[];
  readonly missing: readonly string[];
  readonly state: 'writing' | 'announced' | 'reading';
};

export type ConsumerRow = {
  readonly id: string;
  readonly lag: number;
  /** `away`: silent, but nothing is owed. */
  readonly state: 'live' | 'away' | 'unseen' | 'stalled';
  /** Epoch ms of this console's clock since when a stalled one is silent. */
  readonly silentSinceMs: number | undefined;
};

export type ChannelRow = {
  readonly channel: string;
  readonly budgetBytes: number;
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly state: 'idle' | 'shipping' | 'waiting' | 'done' | 'stalled';
  readonly reason: string;
  readonly files: number;
  readonly filesFound: number;
  readonly bytes: number;
  readonly bytesFound: number;
  readonly parts: readonly PartRow[];
  readonly partsInRedis: number;
  readonly consumers: readonly ConsumerRow[];
};

export type ShipSlice = {
  /** Undefined before the first answer; the last used first. */
  readonly channels: readonly string[] | undefined;
  /** Undefined: the channel last used. */
  readonly selected: string | undefined;
  readonly shown: ChannelRow | undefined;
  /** Bytes a second at the last readings, oldest first. */
  readonly rates: readonly number[];
  /** Where the last rate was measured from. */
  readonly measured: { readonly channel: string; readonly bytes: number; readonly at: number } | undefined;
  /** The selected part. */
  readonly scroll: number;
};

export type Reading = {
  readonly channels: readonly string[];
  readonly shown: ChannelRow | undefined;
  /** The server's clock. */
  readonly at: number;
};

export const longestHistory = 60;
const averaged = 8;

export const initial: ShipSlice = {
  channels: undefined,
  selected: undefined,
  shown: undefined,
  rates: [],
  measured: undefined,
  scroll: 0,
};

/** The channel that is looked at. */
export function selectedChannel({ channels, selected }: ShipSlice): string | undefined {
  return selected !== undefined && channels?.includes(selected) ? selected : channels?.[0];
}

export function learn(slice: ShipSlice, { channels, shown, at }: Reading): ShipSlice {
  const next = { ...slice, channels, shown };
  if (!shown) return { ...next, rates: [], measured: undefined, scroll: 0 };
  const before = slice.measured?.channel === shown.channel ? slice.measured : undefined;
  const scroll = Math.max(0, Math.min(slice.scroll, shown.parts.length - 1));
  const here = { channel: shown.channel, bytes: shown.bytes, at };
  // A smaller total is a new run.
  if (!before || shown.bytes < before.bytes) {
    return { ...next, scroll, rates: before ? slice.rates : [], measured: here };
  }
  const rate = at > before.at ? Math.round(((shown.bytes - before.bytes) * 1000) / (at - before.at)) : 0;
  const isQuiet = rate === 0 && slice.rates.every((value) => value === 0);
  // Nothing moves: neither does the picture.
  if (isQuiet) return { ...next, scroll, measured: before };
  return { ...next, scroll, rates: [...slice.rates, rate].slice(-longestHistory), measured: here };
}

/** Bytes a second, smoothed over the last readings. */
export function rateOf({ rates }: ShipSlice): number {
  const last = rates.slice(-averaged);
  return last.length === 0 ? 0 : last.reduce((sum, rate) => sum + rate, 0) / last.length;
}

/** How long what is left will take at that rate, in ms; undefined when nothing moves or nothing is left. */
export function timeLeftOf(slice: ShipSlice): number | undefined {
  const { shown } = slice;
  const rate = rateOf(slice);
  const left = (shown?.bytesFound ?? 0) - (shown?.bytes ?? 0);
  return rate > 0 && left > 0 ? (left / rate) * 1000 : undefined;
}

export function step(slice: ShipSlice, by: number): ShipSlice {
  const { channels = [] } = slice;
  const at = channels.indexOf(selectedChannel(slice) ?? '');
  const channel = channels[at + by];
  if (channel === undefined) return slice;
  return { ...slice, selected: channel, shown: undefined, rates: [], measured: undefined, scroll: 0 };
}

export function scroll(slice: ShipSlice, by: number): ShipSlice {
  const last = Math.max(0, (slice.shown?.parts.length ?? 0) - 1);
  const to = Math.min(last, Math.max(0, slice.scroll + by));
  return to === slice.scroll ? slice : { ...slice, scroll: to };
}

/** Files found by a live shipper and not wholly announced. */
export function waitingFiles({ files, filesFound }: ChannelRow): number {
  return Math.max(0, filesFound - files);
}
