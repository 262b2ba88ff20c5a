import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { registered } from '../../redis/registry.ts';
import { asArray, asInteger, asPairs, asText } from '../../redis/reply.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { topicStatus } from '../topic/topic.ts';
import { syncKeys, targetName } from './keys.ts';
import { parseRecord, type TargetRecord } from './record.ts';
import { type Condition, conditionOf } from './state.ts';
import statusLua from './status.lua';

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

const mostTargets = 1000;
const mostBytes = 65_536;

const statusScript = defineScript({
  lua: statusLua,
  parse(reply) {
    const [leftOut, failing, ...flat] = asArray(reply);
    return {
      leftOut: asInteger(leftOut),
      failing: asInteger(failing),
      records: asPairs(flat).map(([target, text]) => [target, asText(text)] as const),
    };
  },
});

/**
 * Every target of every channel that was synced, by channel and target.
 * @param warn called for each channel whose keys hold somebody else's data; the others are there
 */
export async function status(
  redis: Client,
  warn: (message: string) => void = () => {},
): Promise<readonly TargetStatus[]> {
  const channels = (await registered(redis, 'sync')).sort();
  const found = await Promise.allSettled(channels.map((channel) => channelStatus(redis, channel, warn)));
  return found.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (!(outcome.reason instanceof WrongTypeError)) throw outcome.reason;
    warn(outcome.reason.message);
    return [];
  });
}

/** @throws {WrongTypeError} */
export async function channelStatus(
  redis: Client,
  channel: string,
  warn: (message: string) => void = () => {},
): Promise<TargetStatus[]> {
  const keys = syncKeys(redis, channel);
  const [{ leftOut, failing, records }, topic] = await Promise.all([
    typed(
      redis,
      { [keys.targets]: 'hash', [keys.failed]: 'hash' },
      statusScript(redis, [keys.targets, keys.failed], [mostTargets, mostBytes]),
    ),
    topicStatus(redis, channel),
  ]);
  if (leftOut > 0)
    warn(`Key \`${keys.targets}\` holds ${leftOut} entries that are too large or too many to show`);
  const found = await Promise.all(
    records.map(async ([target, text]) => {
      const known = parseRecord(text);
      if (!known) {
        warn(`Key \`${keys.targets}\` holds something else than the record of a target at \`${target}\``);
        return [];
      }
      const { failed, known: _known, peak: _peak, place: _place, marker: _marker, ...shown } = known;
      const subscriber = topic.subscribers.find(({ name }) => name === targetName(known.base, target));
      const status = {
        ...shown,
        channel,
        target,
        queued: subscriber?.lag ?? 0,
        failed: failed ?? (failing === 0 ? 0 : await countFailed(redis, keys.failed, target)),
        state: subscriber?.state ?? ('lapsed' as const),
      };
      return [{ ...status, condition: conditionOf(status) }];
    }),
  );
  return found.flat().sort((one, other) => one.target.localeCompare(other.target));
}

/** Where a version before wrote the record, which did not count. */
async function countFailed(redis: Client, key: string, target: string): Promise<number> {
  const fields = await retryAborted(() => redis.hkeys(key));
  return fields.filter((field) => field.startsWith(`${target}\n`)).length;
}
