import { beforeEach, expect, test } from 'vitest';
import { runHere } from '../helpers/batch.ts';
import { oneOfEach } from '../helpers/one-of-each.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Every key that a feature reads, holding every type and payload that it should not: nothing ends, the rest is shown,
 * and what cannot be shown is named.
 */

const server = await redisForThisFile('--appendonly', 'yes');
const redis = server.client();
const url = server.url;

const families = ['chat', 'ship', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer', 'sync'];

/** Keys of a thing called `bad`, by the feature that reads them. */
const keys: Readonly<Record<string, readonly string[]>> = {
  chat: ['chat:bad', 'msgs:bad', 'ids:bad'],
  ship: ['ship:bad', 'ship-files:bad', 'ship-parts:bad', 'ship-who:bad'],
  log: ['recent:bad:info', 'common:bad:info', 'common:bad:info:start', 'common:bad:info:last'],
  limit: ['limit:bad:fixed:60000', 'limit:bad:sliding:60000'],
  hits: ['hits:bad', 'hits:bad:1h', 'hits:bad:1d'],
  lock: ['lock:bad', 'lock-queue:bad', 'lock-fence:bad', 'lock-waiting:bad'],
  topic: ['topic:ids:bad', 'topic:msgs:bad', 'topic:state:bad', 'topic:subs:bad', 'topic:seats:bad'],
  buffer: ['pending:bad', 'pending:bad:inflight', 'pending:bad:batch', 'pending:bad:status'],
  sync: ['sync:bad', 'sync-failed:bad'],
};

const contents: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
  'no JSON': (key) => redis.set(key, 'not json'),
  'an empty text': (key) => redis.set(key, ''),
  'a large number': (key) => redis.set(key, '99999999999999999999999'),
  'a list': (key) => redis.rpush(key, 'x', '{"a":'),
  'a set': (key) => redis.sadd(key, 'x', 'y'),
  'a sorted set': (key) => redis.zadd(key, 1, 'x', 'inf', '{"id":', -1, ''),
  'a hash': (key) => redis.hset(key, 'x', '{', 'state', 'nonsense', '__proto__', '[]', '', '1e999'),
  'a stream': (key) => redis.xadd(key, '*', 'x', '{'),
};

beforeEach(async () => {
  await redis.flushall();
  for (const words of oneOfEach('good')) {
    expect(await runHere(words, { url })).toMatchObject({ code: 0 });
  }
});

const shown = ['chat', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer'];

async function expectTheRest(what: string, bad: string, noun: string): Promise<void> {
  const snapshot = await runHere(['snapshot', '--json'], { url });
  expect({ what, code: snapshot.code }).toEqual({ what, code: expect.toBeOneOf([0, 4]) });
  const parts = JSON.parse(snapshot.stdout) as Record<string, unknown>;
  const isFailed = parts[noun] === null;
  for (const good of shown) {
    if (good !== noun || !isFailed)
      expect(JSON.stringify(parts[good]), `${what}: ${good}`).toContain('"good"');
  }
  if (isFailed) expect(snapshot.stderr, what).toContain(bad);

  const doctor = await runHere(['doctor', '--json'], { url });
  expect({ what, code: doctor.code, stderr: doctor.stderr }).toEqual({
    what,
    code: expect.toBeOneOf([0, 1]),
    stderr: '',
  });
}

test.each(Object.keys(keys))('%s: a key with anything in it', async (noun) => {
  for (const key of keys[noun] ?? []) {
    for (const [what, put] of Object.entries(contents)) {
      await redis.del(key);
      await put(key);
      await redis.zadd(`quarterdeck:${noun}`, Date.now(), noun === 'log' ? 'bad:info' : 'bad');
      await expectTheRest(`${key} holds ${what}`, 'bad', noun);
    }
    await redis.del(key);
  }
});

test.each(families)(
  'the index of %s is something else, and is named by snapshot and doctor',
  async (noun) => {
    const index = `quarterdeck:${noun}`;
    await redis.set('lock:forgotten', 'x');
    await redis.del(index);
    await redis.set(index, 'x');
    await expectTheRest(`${index} holds a text`, index, noun);
    const doctor = await runHere(['doctor', '--json'], { url });
    const found = (JSON.parse(doctor.stdout) as { code: string; key: string }[]).map(({ key }) => key);
    expect(found).toContain('lock:forgotten');
    expect(found).toContain(index);
  },
);

test('whether a condition holds is not said of what could not be read', async () => {
  await redis.del('quarterdeck:topic');
  await redis.set('quarterdeck:topic', 'x');
  const { code, stderr } = await runHere(['snapshot', '--json', '--fail-if', 'topic.lag > 5'], { url });
  expect(code).toBe(4);
  expect(stderr).toContain('quarterdeck: Whether topic.lag > 5 is not known: topic does not tell\n');
});
