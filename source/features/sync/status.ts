import { messageOf, WrongTypeError } from '../../errors.ts';
import { Allowance, mostOfAll, sizeOf } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { type HashPage, pagesOfHashes } from '../../redis/hash-pages.ts';
import { listed } from '../../redis/registry.ts';
import { asIntegers } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { counted, formatBytes, leftOutText, namesCutTexts } from '../../ui/format.ts';
import type { SubscriberStatus } from '../topic/layout.ts';
import { inspectSubscribers, inspectTopics } from '../topic/own-layout/own-layout.ts';
import { openTopic } from '../topic/topic.ts';
import countFailedLua from './count-failed.lua';
import { syncKeys, targetName } from './keys.ts';
import { parseRecord, type TargetRecord } from './record.ts';
import { type Condition, conditionOf } from './state.ts';

/** How one target of one channel is. */
export type TargetStatus = Omit<TargetRecord, 'failed' | 'known' | 'highs' | 'place' | 'marker'> & {
  readonly channel: string;
  readonly target: string;
  /** Change messages not done for this target yet. */
  readonly queued: number;
  /** Paths that could not be copied and that are tried again. */
  readonly failed: number;
  /** Whether a process serves this target now. */
  readonly state: 'live' | 'idle' | 'lapsed';
  /** How it goes, in the one word that the pane and the doctor use, too. */
  readonly condition: Condition;
};

/** Something of a channel that cannot be read, in a sentence that names the key. */
export type Fault = { readonly key: string; readonly message: string; readonly error?: Error };

/** What a look at some channels found, and where it goes on: with more targets of one channel, or with the next. */
export type Inspection = {
  /** About as many as the records take. */
  readonly bytes: number;
  readonly targets: readonly TargetStatus[];
  readonly faults: readonly Fault[];
  readonly more: readonly Place[];
};
/** A channel, and the cursor of its targets that are to be looked at. */
export type Place = { readonly channel: string; readonly cursor: string };

/** Bytes of a record with the name of its target: ours are shorter. */
const longestRecord = 65_536;
const channelsAtOnce = 200;
/** Subscribers of a channel that come with it; targets are among them unless somebody else subscribes as well. */
const subscribersAtFirst = 50;

const countScript = defineScript({ lua: countFailedLua, parse: asIntegers });

/**
 * Every target of every channel that was synced, by channel and target.
 * @param warn called for each key that cannot be read; the others are there
 */
export async function status(
  redis: Client,
  warn: (message: string) => void = () => {},
): Promise<readonly TargetStatus[]> {
  const known = await listed(redis, 'sync');
  for (const text of namesCutTexts(known)) warn(text);
  const { targets, faults } = await inspectAll(redis, known.names);
  for (const { message } of faults) warn(message);
  return targets;
}

/** All of its targets. */
export function wholly(channel: string): Place {
  return { channel, cursor: '0' };
}

/** Every target of these channels, by channel and target, as far as that is bearable; what is missing is a fault. */
export async function inspectAll(
  redis: Client,
  channels: readonly string[],
): Promise<Pick<Inspection, 'targets' | 'faults'>> {
  // A target may come twice while they change.
  const targets = new Map<string, TargetStatus>();
  const faults: Fault[] = [];
  const allowance = new Allowance(mostOfAll);
  let left: readonly Place[] = channels.toSorted().map(wholly);
  while (left.length > 0 && !allowance.isSpent) {
    const { more, bytes, ...found } = await inspect(redis, left.slice(0, channelsAtOnce));
    allowance.takeBytes(bytes);
    for (const each of found.targets) targets.set(JSON.stringify([each.channel, each.target]), each);
    faults.push(...found.faults);
    left = [...more, ...left.slice(channelsAtOnce)];
  }
  if (left.length > 0) {
    const cut = `targets of ${counted(left.length, 'channel')} were not read, \`${shortened(left[0]?.channel ?? '')}\` first`;
    const message = `Only ${counted(targets.size, 'target')} of ${counted(channels.length, 'channel')} were read (${formatBytes(mostOfAll)}, cut): ${cut}`;
    faults.push({ key: syncKeys(redis, left[0]?.channel ?? '').targets, message });
  }
  return { targets: [...targets.values()].sort(byChannelAndTarget), faults: distinct(faults) };
}

/**
 * One channel, by target.
 * @throws {WrongTypeError}
 */
export async function channelStatus(
  redis: Client,
  channel: string,
  warn: (message: string) => void = () => {},
): Promise<readonly TargetStatus[]> {
  openTopic(redis, channel);
  const { targets, faults } = await inspectAll(redis, [channel]);
  const failed = faults.find(({ error }) => error instanceof WrongTypeError);
  if (failed) throw failed.error;
  for (const { message } of faults) warn(message);
  return targets;
}

/**
 * As many targets of these channels as one reply holds: two commands, whatever there is; in Cluster two a channel.
 */
export async function inspect(redis: Client, places: readonly Place[]): Promise<Inspection> {
  const hashes = places.map(({ channel, cursor }) => ({ key: syncKeys(redis, channel).targets, cursor }));
  const pages = await pagesOfHashes(redis, hashes, { longest: longestRecord });
  const faults: Fault[] = [];
  const more: Place[] = [];
  const found: Records[] = [];
  let bytes = 0;
  for (const [index, place] of places.entries()) {
    const { channel } = place;
    const looked = pages[index];
    if (!looked) {
      more.push(place);
      continue;
    }
    const { key, page, next } = looked;
    if (page instanceof Error) {
      faults.push({ key, message: messageOf(page), error: page });
      continue;
    }
    if (next !== '0') more.push({ channel, cursor: next });
    bytes += sizeOf(page.entries);
    const read = readRecords(key, page);
    faults.push(...read.faults);
    if (read.records.size > 0) found.push({ channel, records: read.records });
  }
  const subscribers = await subscribersOf(redis, found, faults);
  const targets: TargetStatus[] = [];
  for (const { channel, records } of found) {
    const own = subscribers.get(channel);
    if (own) targets.push(...(await targetsOf(redis, channel, records, own)));
  }
  return { targets, faults, more, bytes };
}

type Records = { readonly channel: string; readonly records: ReadonlyMap<string, TargetRecord> };

function readRecords(
  key: string,
  { entries, leftOut, leftOutBytes }: HashPage,
): { readonly records: ReadonlyMap<string, TargetRecord>; readonly faults: readonly Fault[] } {
  const records = new Map<string, TargetRecord>();
  const faults: Fault[] = [];
  for (const [target, text] of entries) {
    const known = parseRecord(text);
    if (known) records.set(target, known);
    else {
      const message = `Key \`${key}\` holds something else than the record of a target at \`${shortened(target)}\``;
      faults.push({ key, message });
    }
  }
  if (leftOut > 0)
    faults.push({ key, message: `Key \`${key}\` holds ${leftOutText(leftOut, leftOutBytes)}` });
  return { records, faults };
}

async function targetsOf(
  redis: Client,
  channel: string,
  records: ReadonlyMap<string, TargetRecord>,
  subscribers: ReadonlyMap<string, SubscriberStatus>,
): Promise<readonly TargetStatus[]> {
  const failures = await countFailed(redis, channel, records);
  return [...records].map(
    ([target, { known: _known, highs: _highs, place: _place, marker: _marker, ...shown }]) => {
      const subscriber = subscribers.get(targetName(shown.base, target));
      const status = {
        ...shown,
        channel,
        target,
        queued: subscriber?.lag ?? 0,
        failed: shown.failed ?? failures.get(target) ?? 0,
        state: subscriber?.state ?? ('lapsed' as const),
      };
      return { ...status, condition: conditionOf(status) };
    },
  );
}

/** The subscribers that stand for targets, by channel; none for a channel whose topic cannot be read. */
async function subscribersOf(
  redis: Client,
  found: readonly Records[],
  faults: Fault[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, SubscriberStatus>>> {
  const { topics, unreadable } = await inspectTopics(
    redis,
    found.map(({ channel }) => channel),
    subscribersAtFirst,
  );
  for (const { key, error } of unreadable) faults.push({ key, message: messageOf(error), error });
  const byChannel = new Map<string, ReadonlyMap<string, SubscriberStatus>>();
  for (const { topic, subscribers, subscriberCount } of topics) {
    const named = new Map(subscribers.map((each) => [each.name, each]));
    const records = found.find(({ channel }) => channel === topic)?.records ?? [];
    const isAll = subscriberCount <= subscribers.length;
    const rest = isAll ? [] : namesOf(records).filter((name) => !named.has(name));
    for (let from = 0; from < rest.length; from += namesAtOnce) {
      const page = await inspectSubscribers(redis, topic, rest.slice(from, from + namesAtOnce));
      for (const each of page.subscribers) named.set(each.name, each);
    }
    byChannel.set(topic, named);
  }
  return byChannel;
}

function namesOf(records: Iterable<readonly [string, TargetRecord]>): readonly string[] {
  return Array.from(records, ([target, { base }]) => targetName(base, target));
}

const namesAtOnce = 500;

/** Of the targets whose records a version before wrote, which did not count. */
async function countFailed(
  redis: Client,
  channel: string,
  records: ReadonlyMap<string, TargetRecord>,
): Promise<ReadonlyMap<string, number>> {
  const { failed } = syncKeys(redis, channel);
  const uncounted = [...records].flatMap(([target, record]) => (record.failed === undefined ? [target] : []));
  const counts = new Map<string, number>();
  for (let from = 0; from < uncounted.length; from += namesAtOnce) {
    const some = uncounted.slice(from, from + namesAtOnce);
    const found = await typed(redis, { [failed]: 'hash' }, countScript(redis, [failed], some));
    for (const [index, target] of some.entries()) counts.set(target, found[index] ?? 0);
  }
  return counts;
}

function byChannelAndTarget(one: TargetStatus, other: TargetStatus): number {
  if (one.channel !== other.channel) return one.channel < other.channel ? -1 : 1;
  return one.target.localeCompare(other.target);
}

function distinct(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [fault.message, fault])).values()];
}

function shortened(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}…` : name;
}
