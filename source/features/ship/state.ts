import { compareNames } from '../../compare-names.ts';
import type { Need } from '../../need.ts';
import { formatCount } from '../../ui/format.ts';
import { initialList, type List, type ListState, lookAnew } from '../../ui/list.ts';
import type { ChannelState, ConsumerCondition } from './channel/channel-state.ts';
import type { PartState } from './channel/part-status.ts';

/** One part that takes room in Redis. */
export type PartRow = {
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  /** How much of the file there is up to the end of this part, in percent; undefined while it grows. */
  readonly share: number | undefined;
  readonly finished: readonly string[];
  readonly missing: readonly string[];
  /** Who has set it aside. */
  readonly aside: readonly string[];
  readonly state: PartState;
};

export type ConsumerRow = {
  readonly id: string;
  readonly lag: number;
  /** Of these, what it has set aside. */
  readonly aside: number;
  readonly state: ConsumerCondition;
  /** Epoch ms of this console's clock since when a stalled one is silent. */
  readonly silentSinceMs: number | undefined;
};

export type ChannelRow = {
  readonly channel: string;
  readonly budgetBytes: number;
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly state: ChannelState;
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
  /** Undefined before the first answer; the last used first, then those in trouble. */
  readonly channels: readonly string[] | undefined;
  /** How many there are in all. */
  readonly total: number;
  /** Undefined: the channel last used. */
  readonly selected: string | undefined;
  readonly shown: ChannelRow | undefined;
  /** How the other channels among `channels` are; by name. */
  readonly elsewhere: readonly Elsewhere[];
  /** What needs a human of all channels, as a look through them found it, some of it maybe twice. */
  readonly further: readonly Need[];
  /** How many of these the look through all found besides. */
  readonly furtherUnkept: number;
  /** What cannot be read, in sentences. */
  readonly wrong: readonly string[];
  /** Whether every channel was looked at. */
  readonly isCounted: boolean;
  /** Bytes a second at the last readings, oldest first. */
  readonly rates: readonly number[];
  /** Where the last rate was measured from. */
  readonly measured: { readonly channel: string; readonly bytes: number; readonly at: number } | undefined;
  readonly list: ListState;
};

/** A line of the list: who reads, then what is on its way. */
export type ShipRow =
  | { readonly kind: 'consumer'; readonly consumer: ConsumerRow }
  | { readonly kind: 'part'; readonly part: PartRow };

/** What is known of a channel that is not the one shown. */
export type Elsewhere = Pick<ChannelRow, 'channel' | 'state' | 'reason' | 'consumers'>;

export type Reading = {
  readonly channels: readonly string[];
  /** As many as `channels` unless given. */
  readonly total?: number;
  readonly shown: ChannelRow | undefined;
  readonly others?: readonly Elsewhere[];
  readonly further?: readonly Need[];
  readonly furtherUnkept?: number;
  readonly wrong?: readonly string[];
  readonly isCounted?: boolean;
  /** The server's clock. */
  readonly at: number;
};

export const longestHistory = 60;
const averaged = 8;

export const initial: ShipSlice = {
  channels: undefined,
  total: 0,
  selected: undefined,
  shown: undefined,
  elsewhere: [],
  further: [],
  furtherUnkept: 0,
  wrong: [],
  isCounted: false,
  rates: [],
  measured: undefined,
  list: initialList,
};

/** The channel that is looked at. */
export function selectedChannel({ channels, selected }: ShipSlice): string | undefined {
  return selected !== undefined && channels?.includes(selected) ? selected : channels?.[0];
}

export function learn(slice: ShipSlice, reading: Reading): ShipSlice {
  const { channels, shown, at, others = [], further = [], wrong = [], isCounted = true } = reading;
  const { total = channels.length, furtherUnkept = 0 } = reading;
  const elsewhere = others.toSorted((a, b) => compareNames(a.channel, b.channel));
  const next = { ...slice, channels, total, shown, elsewhere, further, furtherUnkept, wrong, isCounted };
  if (!shown) return { ...next, rates: [], measured: undefined };
  const before = slice.measured?.channel === shown.channel ? slice.measured : undefined;
  const here = { channel: shown.channel, bytes: shown.bytes, at };
  // A smaller total is a new run.
  if (!before || shown.bytes < before.bytes) {
    return { ...next, rates: before ? slice.rates : [], measured: here };
  }
  const rate = at > before.at ? Math.round(((shown.bytes - before.bytes) * 1000) / (at - before.at)) : 0;
  const isQuiet = rate === 0 && slice.rates.every((value) => value === 0);
  // Nothing moves: neither does the picture.
  if (isQuiet) return { ...next, measured: before };
  return { ...next, rates: [...slice.rates, rate].slice(-longestHistory), measured: here };
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

/** Shows the channel that the need is in. */
export function showNeed(slice: ShipSlice, { place }: Need): ShipSlice {
  return place === undefined ? slice : showChannel(slice, place);
}

export function showChannel(slice: ShipSlice, place: string): ShipSlice {
  const isThere = slice.channels?.includes(place) === true;
  return isThere && place !== selectedChannel(slice) ? show(slice, place) : slice;
}

export function step(slice: ShipSlice, by: number): ShipSlice {
  const { channels = [] } = slice;
  const at = channels.indexOf(selectedChannel(slice) ?? '');
  const channel = channels[at + by];
  return channel === undefined ? slice : show(slice, channel);
}

function show(slice: ShipSlice, channel: string): ShipSlice {
  return {
    ...slice,
    selected: channel,
    shown: undefined,
    rates: [],
    measured: undefined,
    list: lookAnew(slice.list),
  };
}

const urgencies: Readonly<Record<ConsumerRow['state'], number>> = {
  stalled: 2,
  unknown: 1,
  unseen: 1,
  live: 0,
  away: 0,
};

function rowsOf({ shown }: ShipSlice): readonly ShipRow[] {
  if (!shown) return [];
  const consumers = shown.consumers
    .toSorted((a, b) => urgencies[b.state] - urgencies[a.state] || compareNames(a.id, b.id))
    .map((consumer): ShipRow => ({ kind: 'consumer', consumer }));
  return [...consumers, ...shown.parts.map((part): ShipRow => ({ kind: 'part', part }))];
}

export const shipList: List<ShipSlice, ShipRow> = {
  rows: rowsOf,
  id: (row) => (row.kind === 'consumer' ? `consumer ${row.consumer.id}` : `part ${row.part.part}`),
  name: (row) => (row.kind === 'consumer' ? `consumer ${row.consumer.id}` : row.part.part),
  texts: (row) =>
    row.kind === 'consumer' ? [`consumer ${row.consumer.id}`] : [row.part.file, row.part.part],
  part(slice) {
    const { shown, total } = slice;
    if (total > 1) return `channel ${selectedChannel(slice) ?? ''} of ${formatCount(total)}`;
    const known = rowsOf(slice).length;
    const all = shown ? shown.partsInRedis + shown.consumers.length : 0;
    return all > known ? `${formatCount(known)} of ${formatCount(all)} rows` : undefined;
  },
  ties: (row) =>
    row.kind === 'consumer'
      ? [`consumer ${row.consumer.id}`]
      : [row.part.file, ...row.part.missing.map((id) => `consumer ${id}`)],
  total: ({ shown }) => shown && shown.partsInRedis + shown.consumers.length,
  columns: ['state', 'name', 'part', 'upto', 'size', 'done'],
  units: { size: 'bytes' },
  fields: {
    state: (row) => (row.kind === 'consumer' ? row.consumer.state : row.part.state),
    name: (row) => (row.kind === 'consumer' ? row.consumer.id : row.part.file),
    lag: (row) => (row.kind === 'consumer' ? row.consumer.lag : row.part.missing.length),
    size: (row) => (row.kind === 'part' ? row.part.bytes : undefined),
  },
};

/** Files found by a live shipper and not wholly announced. */
export function waitingFiles({ files, filesFound }: ChannelRow): number {
  return Math.max(0, filesFound - files);
}
