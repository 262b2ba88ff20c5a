import * as v from 'valibot';
import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { register, registered } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { topicStatus } from '../topic/topic.ts';
import { syncKeys, targetName } from './keys.ts';

const record = v.object({
  base: v.string(),
  lastBatchAt: v.nullable(v.number()),
  lastFullAt: v.nullable(v.number()),
  lastFiles: v.optional(v.number(), 0),
  lastBytes: v.optional(v.number(), 0),
  synced: v.number(),
  refused: v.optional(v.number(), 0),
  missedByEvents: v.number(),
  error: v.optional(v.nullable(v.string()), null),
});

/** What a runner remembers of its target; survives the runner. */
export type TargetRecord = v.InferOutput<typeof record>;

export const unused = (base: string): TargetRecord => ({
  base,
  lastBatchAt: null,
  lastFullAt: null,
  lastFiles: 0,
  lastBytes: 0,
  synced: 0,
  refused: 0,
  missedByEvents: 0,
  error: null,
});

export type TargetStatus = TargetRecord & {
  readonly channel: string;
  readonly target: string;
  /** Change messages not done for this target yet. */
  readonly queued: number;
  /** Paths that rsync could not copy and that are tried again. */
  readonly failed: number;
  /** Whether a process serves this target now. */
  readonly state: 'live' | 'idle' | 'lapsed';
};

/** @throws {WrongTypeError} */
export async function readRecord(
  redis: Client,
  channel: string,
  target: string,
): Promise<TargetRecord | undefined> {
  const { targets } = syncKeys(redis, channel);
  return parseRecord(
    await typed(
      redis,
      { [targets]: 'hash' },
      retryAborted(() => redis.hget(targets, target)),
    ),
  );
}

export async function writeRecord(
  redis: Client,
  channel: string,
  target: string,
  value: TargetRecord,
): Promise<void> {
  await Promise.all([
    retryAborted(() => redis.hset(syncKeys(redis, channel).targets, target, JSON.stringify(value))),
    register(redis, 'sync', channel),
  ]);
}

/**
 * Every target of every channel that was synced, by channel and target.
 * @param warn told of each channel whose keys hold somebody else's data; the others are there
 */
export async function status(
  redis: Client,
  warn: (message: string) => void = () => {},
): Promise<readonly TargetStatus[]> {
  const channels = (await registered(redis, 'sync')).sort();
  const found = await Promise.allSettled(channels.map((channel) => ofChannel(redis, channel)));
  return found.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (!(outcome.reason instanceof WrongTypeError)) throw outcome.reason;
    warn(outcome.reason.message);
    return [];
  });
}

async function ofChannel(redis: Client, channel: string): Promise<TargetStatus[]> {
  const keys = syncKeys(redis, channel);
  const [records, failures, topic] = await Promise.all([
    typed(
      redis,
      { [keys.targets]: 'hash' },
      retryAborted(() => redis.hgetall(keys.targets)),
    ),
    typed(
      redis,
      { [keys.failed]: 'hash' },
      retryAborted(() => redis.hkeys(keys.failed)),
    ),
    topicStatus(redis, channel),
  ]);
  return Object.entries(records)
    .sort(([left], [right]) => left.localeCompare(right))
    .flatMap(([target, text]) => {
      const known = parseRecord(text);
      if (!known) return [];
      const subscriber = topic.subscribers.find(({ name }) => name === targetName(known.base, target));
      const failed = failures.filter((field) => field.startsWith(`${target}\n`)).length;
      return [
        {
          ...known,
          channel,
          target,
          queued: subscriber?.lag ?? 0,
          failed,
          state: subscriber?.state ?? 'lapsed',
        },
      ];
    });
}

function parseRecord(text: string | null): TargetRecord | undefined {
  if (text === null) return;
  try {
    const result = v.safeParse(record, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return;
  }
}
