import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { hashPages } from '../../redis/hash-pages.ts';
import { registered, registeredPage } from '../../redis/registry.ts';
import { asIntegers } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { leftOutText } from '../../ui/format.ts';
import type { SubscriberStatus } from '../topic/layout.ts';
import { inspectSubscribers } from '../topic/own-layout/own-layout.ts';
import countFailedLua from './count-failed.lua';
import { syncKeys, targetName } from './keys.ts';
import { parseRecord, type TargetRecord } from './record.ts';
import { type Condition, conditionOf } from './state.ts';

/** How one target of one channel is. */
export type TargetStatus = Omit<TargetRecord, 'failed' | 'known' | 'peak' | 'place' | 'marker'> & {
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

/** Bytes of a record with the name of its target: ours are shorter. */
const longestRecord = 65_536;
/** What a look for the console takes in: of channels, and of bytes over all of them. */
const glanced = { channels: 100, bytes: 131_072 };

const countScript = defineScript({ lua: countFailedLua, parse: asIntegers });

type Warn = (message: string) => void;

/**
 * Every target of every channel that was synced, by channel and target.
 * @param warn called for each channel whose keys hold somebody else's data; the others are there
 */
export async function status(redis: Client, warn: Warn = () => {}): Promise<readonly TargetStatus[]> {
  return await statusOf(redis, await registered(redis, 'sync'), warn);
}

/** The same for a console: the channels used last, and of each as much as one reply holds; what that leaves out is said. */
export async function glance(redis: Client, warn: Warn): Promise<readonly TargetStatus[]> {
  const { names, total } = await registeredPage(redis, 'sync', glanced.channels);
  if (names.length < total) warn(`Only ${names.length} of ${total} channels are shown`);
  return await statusOf(redis, names, warn, glanced.bytes / Math.max(1, names.length));
}

async function statusOf(
  redis: Client,
  channels: readonly string[],
  warn: Warn,
  mostBytes?: number,
): Promise<readonly TargetStatus[]> {
  const found = await Promise.allSettled(
    channels.toSorted().map((channel) => channelStatus(redis, channel, warn, mostBytes)),
  );
  return found.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (!(outcome.reason instanceof WrongTypeError)) throw outcome.reason;
    warn(outcome.reason.message);
    return [];
  });
}

/**
 * @param mostBytes ends the look after so many bytes of records
 * @throws {WrongTypeError}
 */
export async function channelStatus(
  redis: Client,
  channel: string,
  warn: Warn = () => {},
  mostBytes?: number,
): Promise<TargetStatus[]> {
  const { targets } = syncKeys(redis, channel);
  const records = new Map<string, TargetRecord>();
  let [leftOut, leftOutBytes] = [0, 0];
  for await (const page of hashPages(redis, targets, { longest: longestRecord, pageBytes: mostBytes })) {
    leftOut += page.leftOut;
    leftOutBytes += page.leftOutBytes;
    for (const [target, text] of page.entries) {
      const known = parseRecord(text);
      if (known) records.set(target, known);
      else
        warn(
          `Key \`${targets}\` holds something else than the record of a target at \`${shortened(target)}\``,
        );
    }
    if (mostBytes === undefined || page.isLast) continue;
    warn(`Key \`${targets}\` holds more targets than can be shown`);
    break;
  }
  if (leftOut > 0) warn(`Key \`${targets}\` holds ${leftOutText(leftOut, leftOutBytes)}`);
  if (records.size === 0) return [];
  const [subscribers, failures] = await Promise.all([
    subscribersOf(redis, channel, records),
    countFailed(redis, channel, records),
  ]);
  return [...records]
    .map(([target, { known: _known, peak: _peak, place: _place, marker: _marker, ...shown }]) => {
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
    })
    .sort((one, other) => one.target.localeCompare(other.target));
}

const namesAtOnce = 500;

async function subscribersOf(
  redis: Client,
  channel: string,
  records: ReadonlyMap<string, TargetRecord>,
): Promise<ReadonlyMap<string, SubscriberStatus>> {
  const names = [...records].map(([target, { base }]) => targetName(base, target));
  const found = new Map<string, SubscriberStatus>();
  for (let from = 0; from < names.length; from += namesAtOnce) {
    const { subscribers } = await inspectSubscribers(redis, channel, names.slice(from, from + namesAtOnce));
    for (const subscriber of subscribers) found.set(subscriber.name, subscriber);
  }
  return found;
}

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

function shortened(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}…` : name;
}
