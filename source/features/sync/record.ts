import * as v from 'valibot';
import type { Client } from '../../redis/client.ts';
import { register } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { syncKeys } from './keys.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const moment = v.nullable(count);
/** What an older version did not write, or somebody else spoiled. */
const absent = <Schema extends v.GenericSchema, const Default>(schema: Schema, value: Default) =>
  v.fallback(
    v.optional(schema, () => value as never),
    () => value as never,
  );

/** Nothing is removed at the target, or nothing copied to it, until somebody says how to go on. */
const halt = v.object({
  reason: v.picklist(['base-replaced', 'target-missing', 'base-empty', 'too-many-deletions']),
  /** For people, with figures. */
  message: v.string(),
  /** How many files would be removed, how many there are, and how many may be. */
  would: count,
  of: count,
  most: count,
  /** Some of them. */
  sample: v.array(v.string()),
  sinceMs: count,
  /** Names this halt: what resumes it does not resume a later one. */
  token: v.string(),
});
export type Halt = v.InferOutput<typeof halt>;

const place = v.object({ inode: v.number(), isMount: v.boolean(), entries: v.array(v.string()) });

const record = v.object({
  base: v.string(),
  lastBatchAt: moment,
  lastFullAt: moment,
  lastFiles: v.optional(count, 0),
  lastBytes: v.optional(count, 0),
  synced: count,
  refused: v.optional(count, 0),
  missedByEvents: count,
  /** Why nothing can be copied at all just now. */
  error: v.optional(v.nullable(v.string()), null),
  /** Paths that could not be copied and are tried again; undefined where a version before wrote the record. */
  failed: v.optional(count),
  /** Some of them, with what rsync said. */
  failures: absent(v.array(v.object({ path: v.string(), reason: v.string() })), []),
  /** Symlinks that lead out of the base. */
  leftOut: v.optional(count, 0),
  /** What of links and attributes the target lacks, in words; null: not known. */
  notKept: absent(v.nullable(v.string()), null),
  halted: absent(v.nullable(halt), null),
  /** The real folder behind the base. */
  real: absent(v.nullable(v.string()), null),
  /** The id in the base's marker, or where no marker can be written, what tells the folder from another. */
  marker: absent(v.nullable(v.string()), null),
  place: absent(v.nullable(place), null),
  /** Files at the target; undefined until a comparison has counted them. */
  known: v.optional(count),
  /** The most there were in each hour of the last day, or since somebody allowed a removal. */
  highs: absent(v.array(v.object({ at: v.number(), files: count })), []),
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
  failures: [],
  leftOut: 0,
  notKept: null,
  halted: null,
  real: null,
  marker: null,
  place: null,
  highs: [],
});

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
  const added = await retryAborted(() =>
    redis.hset(syncKeys(redis, channel).targets, target, JSON.stringify(value)),
  );
  // A server that knew nothing of the target may have lost its index as well.
  await register(redis, 'sync', channel, { isNew: added > 0 });
}

export function parseRecord(text: string | null): TargetRecord | undefined {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), record), text);
  return result.success ? result.output : undefined;
}

/** What an operator said about a halt. */
const resumption = v.object({
  token: v.string(),
  /** So many files may be removed once. */
  deletes: v.nullable(count),
  /** The folder that is the base now is to be taken for it. */
  adopt: v.boolean(),
});
export type Resumption = v.InferOutput<typeof resumption>;

export async function writeResumption(
  redis: Client,
  channel: string,
  target: string,
  value: Resumption,
): Promise<void> {
  const { resumptions } = syncKeys(redis, channel);
  await typed(
    redis,
    { [resumptions]: 'hash' },
    retryAborted(() => redis.hset(resumptions, target, JSON.stringify(value))),
  );
}

/** Takes out what was said about this halt; what was about an earlier one is thrown away. */
export async function takeResumption(
  redis: Client,
  channel: string,
  target: string,
  token: string,
): Promise<Resumption | undefined> {
  const { resumptions } = syncKeys(redis, channel);
  const text = await retryAborted(() => redis.hget(resumptions, target));
  if (text === null) return;
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), resumption), text);
  await retryAborted(() => redis.hdel(resumptions, target));
  return success && output.token === token ? output : undefined;
}
