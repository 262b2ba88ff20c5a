import { messageOf, WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { register, registered } from '../../redis/registry.ts';
import { formatCount } from '../../ui/format.ts';
import type { Doctor, Finding } from '../feature.ts';
import type { TopicStatus } from './layout.ts';
import { topicStatus } from './topic.ts';

/** A subscriber silent for so long, with messages waiting, is more likely gone than late. */
const silentAfterMs = 24 * 3_600_000;
const prefix = 'topic:msgs:';
const seedLock = 'pubsub:lock';
const seedMessages = 'pubsub:messages';

/** Subscribers nobody serves, topics nobody sees, and the lock that stops every Python publisher. */
export const doctor: Doctor = {
  claims: (key) => key.startsWith(prefix) || key === seedLock || key === seedMessages,
  async examine(redis, keys) {
    const known = new Set(await registered(redis, 'topic', 100_000));
    const findings = await Promise.all(
      keys.map((key) => {
        if (key === seedLock) return examineSeedLock(redis);
        if (key === seedMessages) return isCluster(redis) ? [] : examineTopic(redis, key, 'pubsub', 'seed');
        return examineOwn(redis, key, known);
      }),
    );
    return findings.flat();
  },
};

async function examineOwn(redis: Client, key: string, known: ReadonlySet<string>): Promise<Finding[]> {
  const tagged = key.slice(prefix.length);
  const bare = /^\{(.+)\}$/.exec(tagged)?.[1];
  const name = isCluster(redis) && bare !== undefined && known.has(bare) ? bare : tagged;
  const findings = await examineTopic(redis, key, name, 'own');
  if (!known.has(name)) {
    findings.push({
      code: 'TOPIC_NOT_LISTED',
      severity: 'warning',
      key,
      message: 'It is not in the index of topics: the console and `topic status` do not show it',
      fix: '--fix puts it there; so does the next use of it',
      repair: () => register(redis, 'topic', name, { isNew: true }),
    });
  }
  return findings;
}

async function examineTopic(
  redis: Client,
  key: string,
  name: string,
  layout: TopicStatus['layout'],
): Promise<Finding[]> {
  let status: TopicStatus;
  try {
    status = await topicStatus(redis, name, layout);
  } catch (error) {
    if (!(error instanceof WrongTypeError)) throw error;
    const fix = error.hint ?? 'Choose another name';
    return [{ code: 'WRONG_TYPE', severity: 'warning', key, message: messageOf(error), fix }];
  }
  return status.subscribers.flatMap((subscriber): Finding[] => {
    const { blocked, lag, seenMs, state } = subscriber;
    const drop = `quarterdeck topic drop ${name} ${subscriber.name} --yes${layout === 'seed' ? ' --layout seed' : ''}`;
    if (blocked) {
      return [
        {
          code: 'SUBSCRIBER_BLOCKED',
          severity: 'error',
          key,
          message: `${subscriber.name} stands before message ${blocked.id}, which failed ${blocked.attempts} times: ${blocked.error}`,
          fix: `Mend its handler, then go on with this very message: quarterdeck topic subscribe ${name} --as ${subscriber.name}`,
        },
      ];
    }
    // Of a subscriber of another program nothing tells when it was last there.
    const isSilent = seenMs > 0 && status.at - seenMs > silentAfterMs;
    if (state === 'live' || lag === 0 || !isSilent) return [];
    return [
      {
        code: 'SUBSCRIBER_DEAD',
        severity: 'warning',
        key,
        message: `Nobody has served ${subscriber.name} for more than a day, and ${formatCount(lag)} messages wait for it`,
        fix: `Start it, or if it is gone: ${drop}`,
      },
    ];
  });
}

/** It is taken and given back within milliseconds; one that stays was left by a process that died. */
async function examineSeedLock(redis: Client): Promise<Finding[]> {
  const before = await redis.get(seedLock);
  await new Promise((resolve) => setTimeout(resolve, 200));
  if (before === null || (await redis.get(seedLock)) !== before) return [];
  return [
    {
      code: 'SEED_LOCK_LEFT',
      severity: 'error',
      key: seedLock,
      message:
        'A publisher took it and did not give it back; it never expires, so nobody can publish any more',
      fix: `Make sure that no publisher is busy, then: redis-cli DEL ${seedLock}`,
    },
  ];
}
