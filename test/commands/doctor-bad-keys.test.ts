import { beforeEach, describe, expect, test } from 'vitest';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Every key that a feature reads, holding another type than it should: doctor names it, what it is and should be. */

const server = await redisForThisFile('--appendonly', 'yes');
const redis = server.client();
beforeEach(() => redis.flushall());

const zset = 'sorted set';
/** By feature: how its index calls the thing, and what each key of it has to be. */
const keys: Readonly<Record<string, readonly [listed: string, Readonly<Record<string, string>>]>> = {
  chat: ['bad', { 'chat:bad': zset, 'msgs:bad': zset, 'ids:bad': 'string' }],
  ship: [
    'bad',
    Object.fromEntries(
      ['ship', 'ship-files', 'ship-parts', 'ship-who', 'ship-carry', 'ship-aside'].map((one) => [
        `${one}:bad`,
        'hash',
      ]),
    ),
  ],
  log: [
    'bad:info',
    {
      'recent:bad:info': 'list',
      'common:bad:info': zset,
      'common:bad:info:start': 'string',
      'common:bad:info:last': zset,
      'common:bad:info:pstart': 'string',
      'common:bad:info:samples': 'hash',
      'common:bad:info:patterns': 'list',
    },
  ],
  limit: ['sliding:60000:bad', { 'limit:bad:sliding:60000': 'hash' }],
  hits: [
    'bad',
    { 'hits:bad:10s:2026-11-29T08': 'hash', 'hits:bad:1h:2026-11-29': 'hash', 'hits:bad:writers': zset },
  ],
  lock: [
    'bad',
    { 'lock:bad': 'string', 'lock-queue:bad': zset, 'lock-fence:bad': 'string', 'lock-waiting:bad': 'hash' },
  ],
  topic: [
    'bad',
    {
      'topic:ids:bad': 'string',
      'topic:msgs:bad': 'stream',
      'topic:state:bad': 'hash',
      'topic:subs:bad': zset,
      'topic:seats:bad': 'hash',
      'topic:aside:bad:x': 'hash',
    },
  ],
  buffer: [
    'bad',
    {
      'pending:bad': zset,
      'pending:bad:inflight': zset,
      'pending:bad:batch': 'hash',
      'pending:bad:status': 'hash',
      'pending:bad:oldest': 'string',
      'pending:bad:settled': zset,
      'pending:bad:aside': zset,
      'pending:bad:aside:why': 'hash',
      'pending:bad:aside:due': zset,
    },
  ],
  sync: ['bad', { 'sync:bad': 'hash', 'sync-failed:bad': 'hash', 'sync-resume:bad': 'hash' }],
};

type Found = { readonly code: string; readonly key: string; readonly message: string; readonly fix: string };
async function findings(): Promise<readonly Found[]> {
  const { code, stdout, stderr } = await runHere(['doctor', '--json'], { url: server.url });
  expect({ code, stderr }).toEqual({ code: expect.toBeOneOf([0, 1]), stderr: '' });
  return JSON.parse(stdout) as Found[];
}

test.each([
  [
    'sync:bad',
    'sync',
    (key: string) => redis.hset(key, '/mnt/b', 'no record'),
    /record of a target at `\/mnt\/b`/,
  ],
  ['topic:state:bad', 'topic', (key: string) => redis.hset(key, 'floor', 'x'), /whole number/],
] as const)('what %s holds and cannot be read is named', async (key, noun, put, words) => {
  await redis.xadd('topic:msgs:bad', '1-1', 'm', 'x');
  await put(key);
  await redis.zadd(`quarterdeck:${noun}`, Date.now(), 'bad');
  expect((await findings()).map(({ message }) => message)).toContainEqual(expect.stringMatching(words));
});

const contents: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
  list: (key) => redis.rpush(key, 'x'),
  hash: (key) => redis.hset(key, 'x', 'y'),
};

describe.each(Object.entries(keys))('%s', (noun, [listed, types]) => {
  test.each(Object.entries(types))('%s should be a %s', async (key, should) => {
    for (const [is, put] of Object.entries(contents)) {
      if (is === should) continue;
      await redis.flushall();
      await put(key);
      await redis.zadd(`quarterdeck:${noun}`, Date.now(), listed);
      expect((await findings()).filter((found) => found.key === key)).toEqual([
        expect.objectContaining({
          code: 'WRONG_TYPE',
          message: expect.stringContaining(`It is a ${is} and should be a ${should}`),
          fix: expect.stringContaining(`RENAME ${key}`),
        }),
      ]);
    }
  });

  test("the same keys of things that nobody registered are somebody else's", async () => {
    for (const key of Object.keys(types)) await redis.sadd(`${key.replace('bad', 'others')}`, 'x');
    expect((await findings()).filter(({ message }) => message.includes('and should be'))).toEqual([]);
  });
});
