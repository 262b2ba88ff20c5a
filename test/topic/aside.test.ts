import { beforeEach, describe, expect, test } from 'vitest';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { topicStatus } from '../../source/features/topic/topic.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** A message that its handler cannot do is set aside by a limit the user sets: seen, done again or discarded, not lost. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const qd = (words: readonly string[]) => run(['topic', ...words], { url: server.url });
const json = async (words: readonly string[]): Promise<unknown> =>
  JSON.parse((await qd([...words, '--json'])).stdout) as unknown;
/** Fails for good on lines that begin with `bad`. */
const handler = 'read line; case "$line" in bad*) echo "no such row" >&2; exit 3;; esac';

describe.each(['own', 'seed'] as const)('in the layout %s', (layout) => {
  const subscribed = (aside: number) =>
    qd([
      ...['subscribe', 'news', '--as', 'mailer', '--exec', handler, '--retries', '1'],
      ...['--aside', `${aside}`, '--until-caught-up', '--layout', layout],
    ]);
  const status = () => topicStatus(redis, 'news', layout);

  beforeEach(async () => {
    await subscribe(redis, 'news', { as: 'mailer', untilCaughtUp: true, layout }, () => {});
    await publish(redis, 'news', ['good 1', 'bad 2', 'good 3', 'bad 4', 'bad 5', 'good 6'], { layout });
  });

  test('what fails for good is kept apart with its reason, and the rest is done', async () => {
    const ran = await subscribed(10);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('message 2:');
    expect(ran.stderr).toContain('set aside, see `quarterdeck topic aside news`');
    expect((await status()).subscribers).toMatchObject([{ position: 6, lag: 0, aside: 3, blocked: null }]);
    expect(await json(['aside', 'news', '--layout', layout])).toMatchObject(
      [2, 4, 5].map((id) => ({
        topic: 'news',
        name: 'mailer',
        id,
        message: `bad ${id}`,
        reason: expect.stringContaining('3'),
        tries: 2,
        sinceMs: expect.any(Number),
      })),
    );
  });

  test('more than the limit are not: it stands before the next, which is not dropped', async () => {
    const ran = await subscribed(2);
    expect(ran.code).toBe(5);
    expect((await status()).subscribers).toMatchObject([
      { position: 4, aside: 2, condition: 'blocked', blocked: { id: 5, attempts: 2 } },
    ]);
  });

  test('without a limit none is', async () => {
    expect((await subscribed(0)).code).toBe(5);
    expect((await status()).subscribers).toMatchObject([{ position: 1, aside: 0, blocked: { id: 2 } }]);
  });

  test('it is done again by a command that can, and stays aside where it fails', async () => {
    await subscribed(10);
    const words = ['retry', 'news', 'mailer', '--layout', layout];
    const partly = await qd([...words, '--all', '--exec', 'read line; test "$line" != "bad 4"']);
    expect([partly.code, partly.stderr]).toEqual([5, expect.stringContaining('message 4:')]);
    expect((await status()).subscribers).toMatchObject([{ aside: 1 }]);
    const printed = await qd([...words, '4', '--json']);
    expect(JSON.parse(printed.stdout)).toMatchObject({ id: 4, message: 'bad 4' });
    expect((await status()).subscribers).toMatchObject([{ aside: 0 }]);
    expect(await json(['aside', 'news', '--layout', layout])).toEqual([]);
  });

  test('it is discarded by its id after a question, and goes with its subscriber', async () => {
    await subscribed(10);
    const words = ['discard', 'news', 'mailer', '2', '--layout', layout];
    expect((await qd(words)).code).not.toBe(0);
    expect((await status()).subscribers).toMatchObject([{ aside: 3 }]);
    expect(await json([...words, '--yes'])).toEqual({ topic: 'news', name: 'mailer', discarded: [2] });
    expect((await status()).subscribers).toMatchObject([{ aside: 2 }]);
    const again = await qd([...words, '--yes', '--json']);
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('MESSAGE_NOT_ASIDE')]);
    await qd(['drop', 'news', 'mailer', '--yes', '--layout', layout]);
    expect(await redis.keys('*:aside:*')).toEqual([]);
  });
});

test('a message kept apart whose acknowledgement was lost is kept once', async () => {
  const failing = (id: number) =>
    subscribe(redis, 'news', { as: 'a', from: 'start', untilCaughtUp: true, retries: 0, aside: 5 }, () => {
      throw new Error(`cannot do ${id}`);
    });
  // Without another the message would be removed as done by all.
  await subscribe(redis, 'news', { as: 'slower', untilCaughtUp: true }, () => {});
  await publish(redis, 'news', 'one');
  await failing(1);
  // As if the acknowledgement had been lost.
  await redis.zadd('topic:subs:news', 0, 'a');
  await failing(2);
  expect(await redis.hlen('topic:aside:news:a')).toBe(1);
  expect((await topicStatus(redis, 'news')).subscribers).toMatchObject([
    { name: 'a', aside: 1 },
    { name: 'slower', aside: 0 },
  ]);
});

test('an unknown subscriber, or topic, is exit 4 with the nearest name', async () => {
  await subscribe(redis, 'news', { as: 'mailer', untilCaughtUp: true }, () => {});
  const subscriber = await qd(['retry', 'news', 'mailr', '--all']);
  expect([subscriber.code, subscriber.stderr]).toEqual([4, expect.stringContaining('`mailer`')]);
  await publish(redis, 'bulletin', 'one');
  const topic = await qd(['aside', 'buletin']);
  expect([topic.code, topic.stderr]).toEqual([4, expect.stringContaining('`bulletin`')]);
});

test('what another program left there is listed, and hides nothing', async () => {
  await publish(redis, 'news', 'one');
  await subscribe(
    redis,
    'news',
    { as: 'a', from: 'start', untilCaughtUp: true, retries: 0, aside: 5 },
    () => {
      throw new Error('no');
    },
  );
  await redis.hset('topic:aside:news:a', '7', 'no JSON');
  expect(await json(['aside', 'news'])).toMatchObject([
    { id: 1, message: 'one', reason: 'no' },
    { id: 7, message: 'no JSON' },
  ]);
});
