import { messageOf, QuarterdeckError, WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { register, registeredAmong } from '../../redis/registry.ts';
import { shellWord } from '../../shell-word.ts';
import { counted } from '../../ui/format.ts';
import type { Doctor, Finding } from '../feature.ts';
import type { SubscriberStatus, TopicStatus } from './layout.ts';
import { openTopic } from './topic.ts';

const prefix = 'topic:msgs:';
const seedLock = 'pubsub:lock';
const seedMessages = 'pubsub:messages';

/** Subscribers nobody serves, topics nobody sees, and the lock that stops every Python publisher. */
export const doctor: Doctor = {
  kindOf: keyKinds({
    'topic:msgs:*': 'stream',
    'topic:subs:*': 'zset',
    'topic:seats:*': 'hash',
    'topic:ids:*': 'string',
    'topic:state:*': 'hash',
    'topic:aside:*:?': 'hash',
  }),
  claims: (key) => key.startsWith(prefix) || key === seedLock || key === seedMessages,
  async examine(redis, keys) {
    const { known, findings: ofIndex } = await index(redis, keys);
    const findings = await Promise.all(
      keys.map((key) => {
        if (key === seedLock) return examineSeedLock(redis);
        if (key === seedMessages) return isCluster(redis) ? [] : examineTopic(redis, key, 'pubsub', 'seed');
        return examineOwn(redis, key, known);
      }),
    );
    return [...ofIndex, ...findings.flat()];
  },
};

/** Which of these keys' topics the index has; undefined, and a finding, where it is none. */
async function index(
  redis: Client,
  keys: readonly string[],
): Promise<{ known: ReadonlySet<string> | undefined; findings: Finding[] }> {
  try {
    const names = keys.filter((key) => key.startsWith(prefix)).flatMap((key) => namesIn(redis, key));
    return { known: await registeredAmong(redis, 'topic', names), findings: [] };
  } catch (error) {
    if (!(error instanceof WrongTypeError)) throw error;
    return { known: undefined, findings: [wrongTypeFinding(error)] };
  }
}

function wrongTypeFinding(error: WrongTypeError): Finding {
  const fix = error.hint ?? 'Choose another name';
  return { code: 'WRONG_TYPE', severity: 'warning', key: error.key, message: messageOf(error), fix };
}

/** What a topic with such a key may be called, the likeliest first: in Cluster its name may stand in braces there. */
function namesIn(redis: Client, key: string): readonly string[] {
  const tagged = key.slice(prefix.length);
  const bare = isCluster(redis) ? /^\{(.+)\}$/.exec(tagged)?.[1] : undefined;
  return bare === undefined ? [tagged] : [bare, tagged];
}

async function examineOwn(
  redis: Client,
  key: string,
  known: ReadonlySet<string> | undefined,
): Promise<Finding[]> {
  const names = namesIn(redis, key);
  const name = names.find((each) => known?.has(each)) ?? key.slice(prefix.length);
  const findings = await examineTopic(redis, key, name, 'own');
  if (known && !known.has(name)) {
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
  const { topics, unreadable, cuts } = await openTopic(redis, name, layout).inspect();
  const findings = unreadable.map(({ key: bad, error }): Finding => {
    if (error instanceof WrongTypeError) return wrongTypeFinding(error);
    const fix =
      (QuarterdeckError.is(error) ? error.hint : undefined) ??
      `Look at it with \`redis-cli TYPE ${shellWord(bad)}\``;
    return { code: 'TOPIC_UNREADABLE', severity: 'warning', key: bad, message: messageOf(error), fix };
  });
  const ofSubscribers = topics.flatMap((status) =>
    status.subscribers.flatMap((subscriber) => examineSubscriber(status, subscriber, key)),
  );
  const ofCuts = cuts.map((cut): Finding => {
    const message = `${cut}; the others were not examined`;
    return { code: 'NOT_CHECKED', severity: 'warning', key, message, fix: 'See who writes so much there' };
  });
  return [...findings, ...ofSubscribers, ...ofCuts];
}

function examineSubscriber(
  { topic, layout }: TopicStatus,
  { name, condition, blocked, lag, missed, seenMs, aside }: SubscriberStatus,
  key: string,
): Finding[] {
  const ofLayout = layout === 'seed' ? ' --layout seed' : '';
  const drop = `quarterdeck topic drop ${shellWord(topic)} ${shellWord(name)} --yes${ofLayout}`;
  const findings: Finding[] = [];
  if (aside > 0) {
    findings.push({
      code: 'MESSAGES_ASIDE',
      severity: 'warning',
      key,
      message: `${counted(aside, 'message')} of ${name} ${aside === 1 ? 'was' : 'were'} set aside because its handler could not do ${aside === 1 ? 'it' : 'them'}`,
      fix: `See why, then do them again: quarterdeck topic aside ${shellWord(topic)}${ofLayout}`,
    });
  }
  if (condition === 'blocked' && blocked) {
    findings.push({
      code: 'SUBSCRIBER_BLOCKED',
      severity: 'error',
      key,
      message: `${name} stands before message ${blocked.id}, which failed ${blocked.attempts} times: ${blocked.error}`,
      fix: `Mend its handler, then go on with this very message: quarterdeck topic subscribe ${shellWord(topic)} --as ${shellWord(name)}`,
    });
  }
  if (condition === 'dead') {
    findings.push({
      code: 'SUBSCRIBER_DEAD',
      severity: 'warning',
      key,
      message: `Nobody has served ${name} since ${new Date(seenMs).toISOString()}, with ${counted(lag, 'message')} waiting for it`,
      fix: `Start it, or if it is gone: ${drop}`,
    });
  }
  if (condition === 'overloaded') {
    findings.push({
      code: 'SUBSCRIBER_OVERLOADED',
      severity: 'warning',
      key,
      message: `${name} is served and falls behind, with ${counted(lag, 'message')} waiting for it`,
      fix: 'Make its handler faster, or give each part of the work a topic and a subscriber of its own',
    });
  }
  if (condition === 'lapsed') {
    findings.push({
      code: 'SUBSCRIBER_LAPSED',
      severity: 'warning',
      key,
      message: `Nobody has served ${name} since ${new Date(seenMs).toISOString()}: nothing is kept for it any more, and ${counted(missed, 'message')} went unread`,
      fix: `Start it again, or if it is gone: ${drop}`,
    });
  }
  return findings;
}

/** It is taken and given back within milliseconds; one that stays was left by a process that died. */
async function examineSeedLock(redis: Client): Promise<Finding[]> {
  // What is there is another program's, and may be large: its beginning tells one holder from the next.
  const held = () => redis.getrange(seedLock, 0, 255);
  const before = await held();
  await new Promise((resolve) => setTimeout(resolve, 200));
  if (before === '' || (await held()) !== before) return [];
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
