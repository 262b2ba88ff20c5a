import { afterEach, expect, test, vi } from 'vitest';
import { type Sighting, sightingOf } from '../../source/commands/queues/programs.ts';
import { askEach } from '../../source/commands/unreachable.ts';
import { readConfig } from '../../source/config.ts';
import { serverMs } from '../../source/redis/clock.ts';
import { openConnections } from '../../source/redis/connection/open-connections.ts';
import { runHere } from '../helpers/batch.ts';
import { payloads } from '../helpers/injections.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';

/** Queues of other programs, with keys as those programs make them. */

const server = await redisForThisFile();
const redis = server.client();
afterEach(() => redis.flushall());

type Queue = { readonly queue: string; readonly program: string; readonly stuck: boolean | null };

async function list(): Promise<{ queues: readonly Queue[]; stderr: string }> {
  const { code, stdout, stderr } = await runHere(['queue', 'list', '--json', '--read-only'], server);
  expect(code).toBe(0);
  return { queues: JSON.parse(stdout) as Queue[], stderr };
}

const unknown = { active: null, delayed: null, failed: null, oldestMs: null, workers: null };
const kombu = '\u0006\u0016';

async function fill(): Promise<void> {
  // BullMQ 5: nothing is taken from `mail`; `sms` is paused; `img` is being worked on, under a prefix of its own.
  await redis.hset('bull:mail:meta', { 'opts.maxLenEvents': '10000', version: 'bullmq:5.1.0' });
  await redis.lpush('bull:mail:wait', '1', '2', '3');
  await redis.hset('bull:mail:1', { timestamp: '1700000000000', data: '{"secret":1}' });
  await redis.zadd('bull:mail:failed', 1, '8', 2, '9');
  await redis.zadd('bull:mail:delayed', 4096, '7');
  await redis.xadd('bull:mail:events', '*', 'event', 'waiting');
  await redis.hset('bull:sms:meta', { 'opts.maxLenEvents': '10000', paused: '1' });
  await redis.lpush('bull:sms:paused', '1');
  await redis.hset('{app}:img:meta', { 'opts.maxLenEvents': '10000' });
  await redis.lpush('{app}:img:wait', '2');
  await redis.lpush('{app}:img:active', '1');
  await redis.set('{app}:img:1:lock', 'token', 'PX', 60_000);
  // The worker of this one was killed.
  await redis.hset('bull:dead:meta', { 'opts.maxLenEvents': '10000' });
  await redis.lpush('bull:dead:wait', '2', '3');
  await redis.lpush('bull:dead:active', '1');
  // BullMQ 4 with a delayed job alone: what is in `wait` is a marker.
  await redis.hset('bull:later:meta', { 'opts.maxLenEvents': '10000' });
  await redis.lpush('bull:later:wait', '0:1700000000000');
  await redis.zadd('bull:later:delayed', 4096, '1');
  // A job's own parts are no queue, and neither is any hash called `meta`.
  await redis.hset('bull:mail:5:failed', 'child', 'why');
  await redis.hset('user:7:meta', 'name', 'ada');
  // Bull 4, whose worker is there.
  await redis.set('bull:old:id', '4');
  await redis.set('bull:old:stalled-check', '1', 'PX', 60_000);
  await redis.lpush('bull:old:active', '4');
  // Sidekiq, whose one process is dead.
  await redis.sadd('queues', 'default');
  await redis.lpush('queue:default', '{"class":"Job","args":["secret"]}');
  await redis.sadd('processes', 'host:1:abc');
  await redis.zadd('retry', 1, '{}');
  // Celery: a message of each of two priorities, and one that a worker has reserved.
  await redis.sadd('_kombu.binding.celery', `celery${kombu}${kombu}celery`);
  await redis.sadd('_kombu.binding.celery.pidbox', `${kombu}${kombu}celery@h.celery.pidbox`);
  await redis.lpush('celery', '{}');
  await redis.lpush(`celery${kombu}3`, '{}');
  await redis.hset('unacked', 'tag', '[]');
  // RQ, whose one worker is alive, and takes nothing.
  await redis.sadd('rq:queues', 'rq:queue:low');
  await redis.rpush('rq:queue:low', 'a', 'b');
  await redis.hset('rq:job:a', 'enqueued_at', '2023-11-14T22:13:20.000000Z');
  await redis.sadd('rq:workers', 'rq:worker:w');
  await redis.hset('rq:worker:w', 'state', 'idle');
  // bee-queue, Resque, asynq.
  await redis.hset('bq:add:jobs', '1', '{}');
  await redis.lpush('bq:add:active', '1');
  await redis.sadd('resque:queues', 'r');
  await redis.rpush('resque:queue:r', '{}');
  await redis.sadd('resque:workers', 'h:1:r');
  await redis.sadd('asynq:queues', 'crit');
  await redis.lpush('asynq:{crit}:pending', 't1');
  await redis.hset('asynq:{crit}:t:t1', 'pending_since', '1700000000000000000');
}

test('queues of eight programs, and which look stuck: what was not seen is null', async () => {
  await fill();
  const before = await redis.dbsize();
  await redis.config('RESETSTAT');
  const { queues, stderr } = await list();
  const rest = { ratePerSec: null, abandoned: 0, notes: [] };
  const bull = {
    program: 'BullMQ',
    sure: 'certain',
    delayed: 0,
    failed: 0,
    workers: null,
    oldestMs: null,
    ...rest,
  };
  const found = (name: string) => queues.find(({ queue }) => queue === name);
  expect(stderr).toBe('');
  expect(queues.map(({ queue, program, stuck }) => [program, queue, stuck])).toEqual([
    ['BullMQ', 'mail', true],
    ['BullMQ', 'dead', true],
    ['RQ', 'low', true],
    ['asynq', 'crit', true],
    ['Sidekiq', 'default', true],
    ['Celery', 'celery', null],
    ['BullMQ', 'sms', null],
    ['Resque', 'r', null],
    ['BullMQ', 'img', false],
    ['bee-queue', 'add', false],
    ['BullMQ', 'later', false],
    ['Bull', 'old', false],
  ]);
  expect(found('mail')).toEqual({
    ...bull,
    ...{ queue: 'mail', key: 'bull:mail', waiting: 3, active: 0, delayed: 1, failed: 2 },
    ...{ oldestMs: 1_700_000_000_000, stuck: true },
    why: expect.stringMatching(/^3 waiting and nothing taken, at two looks 1\.\ds apart$/),
  });
  expect(found('dead')).toMatchObject({
    ...{ waiting: 2, active: 1, abandoned: 1 },
    why: expect.stringMatching(/^2 waiting and nothing being worked on, at two looks/),
    notes: ['1 active without a lock: the worker is gone'],
  });
  expect(found('sms')).toMatchObject({ waiting: 1, active: 0, why: 'paused' });
  expect(found('img')).toMatchObject({ key: '{app}:img', waiting: 1, active: 1, why: '' });
  expect(found('later')).toMatchObject({ waiting: 0, delayed: 1 });
  expect(found('old')).toMatchObject({ sure: 'by-shape', waiting: 0, active: 1 });
  expect(found('default')).toMatchObject({
    ...unknown,
    ...{ waiting: 1, workers: 0, why: '1 waiting, and no live worker is registered' },
    notes: ['of all queues together: 1 to retry, 0 dead, 0 scheduled'],
  });
  expect(found('celery')).toMatchObject({ ...unknown, waiting: 2, sure: 'certain' });
  expect(found('low')).toMatchObject({ waiting: 2, active: 0, workers: 1, oldestMs: 1_700_000_000_000 });
  expect(found('r')).toMatchObject({ ...unknown, waiting: 1, why: 'what is being worked on is not known' });
  expect(found('crit')).toMatchObject({ waiting: 1, workers: 0, oldestMs: 1_700_000_000_000 });
  expect(await redis.dbsize()).toBe(before);
  // No values but ids and times.
  const stats = await redis.info('commandstats');
  const used = Array.from(stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name = '']) => name);
  const reading = [
    'exists',
    'hexists',
    'hget',
    'hlen',
    'hstrlen',
    'lindex',
    'llen',
    'lrange',
    'memory|usage',
  ];
  const others = ['scan', 'scard', 'sismember', 'smembers', 'type', 'zcard', 'zcount'];
  const session = [
    'client|setname',
    'config|resetstat',
    'dbsize',
    'hello',
    'info',
    'ping',
    'select',
    'auth',
    'client|setinfo',
  ];
  expect(used.filter((name) => ![...reading, ...others, ...session].includes(name))).toEqual([]);
  expect(stats).not.toContain('cmdstat_keys:');
});

test('a queue from which something is taken between the two looks does not look stuck', async () => {
  await redis.hset('bull:mail:meta', { 'opts.maxLenEvents': '10000' });
  await redis.lpush('bull:mail:wait', '1', '2');
  await redis.config('RESETSTAT');
  const listed = list();
  const isRead = async () => /cmdstat_lindex/.test(await redis.info('commandstats'));
  while (!(await isRead())) await redis.ping();
  await redis.rpop('bull:mail:wait');
  expect((await listed).queues).toMatchObject([{ queue: 'mail', stuck: false, why: '' }]);
});

test('a queue of which nobody can tell whether it is paused is not called stuck', async () => {
  await redis.lpush('bull:mail:wait', '1', '2');
  await redis.set('bull:mail:meta', 'x');
  const { queues } = await list();
  const why = 'whether somebody paused it is not known';
  expect(queues).toMatchObject([{ queue: 'mail', waiting: 2, stuck: null, why }]);
});

test('of several servers one that is down is left out, named, and makes it exit 3', async () => {
  await redis.lpush('bull:mail:active', '1');
  const urls = ['--url', server.url, '--url', 'redis://127.0.0.1:1'];
  const { code, stdout, stderr } = await runHere(['queue', 'list', '--json', ...urls]);
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject([{ queue: 'mail', server: server.url }]);
  expect(stderr).toMatch(/redis:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*: its part is missing here\n$/);
});

test('of several servers one that goes silent is left out, and asked no further', async () => {
  const other = await startRedis();
  const config = readConfig(
    { url: [server.url, other.url], timeout: '100ms' },
    { HOME: '/nowhere', USER: 'ada' },
  );
  const connections = await openConnections(config);
  try {
    await Promise.all(connections.map((connection) => connection.ready(20_000)));
    other.signal('SIGSTOP');
    const ends: AbortSignal[] = [];
    const answers = await askEach(
      { connections, config, signal: new AbortController().signal },
      async ({ ask }, signal) => {
        ends.push(signal);
        return await ask.ping();
      },
    );
    expect(answers).toEqual({
      values: ['PONG'],
      missing: [expect.stringMatching(`${other.url}.*: its part is missing here$`)],
    });
    expect(ends.map(({ aborted }) => aborted)).toEqual([true, true]);
  } finally {
    for (const connection of connections) connection.close();
    await other.close();
  }
});

test('what is too large to be read whole is named: its queues and workers are not known', async () => {
  const bindings = Array.from({ length: 101 }, (_, index) => `${kombu}${kombu}q${index}`);
  await redis.sadd('_kombu.binding.tasks', ...bindings);
  const { queues, stderr } = await list();
  expect(queues).toEqual([]);
  expect(stderr).toContain(
    'Too large to be read, so that the queues or workers in it are not known: _kombu.binding.tasks',
  );
});

test('which workers are alive is judged by the clock of the server', async () => {
  vi.setSystemTime(Date.now() + 3_600_000);
  try {
    await redis.lpush('asynq:{crit}:pending', 't1');
    await redis.zadd('asynq:servers', Math.floor((await serverMs(redis)) / 1000) + 30, 's');
    await redis.lpush('asynq:{crit}:active', 't0');
    expect((await list()).queues).toMatchObject([{ queue: 'crit', workers: 1, stuck: false }]);
  } finally {
    vi.useRealTimers();
  }
});

const names = [
  'bull:x:wait',
  'bull:x:active',
  'bull:x:failed',
  'bull:x:meta',
  'bq:x:waiting',
  'rq:queue:x',
  'rq:wip:x',
  'queues',
  'queue:x',
  'resque:queue:x',
  'asynq:{x}:pending',
  'asynq:{x}:archived',
  '_kombu.binding.x',
];
const makers = {
  string: (key: string) => redis.set(key, 'x'),
  list: (key: string) => redis.rpush(key, 'x'),
  zset: (key: string) => redis.zadd(key, 1, 'x'),
  set: (key: string) => redis.sadd(key, 'x'),
  hash: (key: string) => redis.hset(key, 'x', 'x'),
  stream: (key: string) => redis.xadd(key, '*', 'x', 'x'),
};

test.each(Object.entries(makers))(
  'of keys that are each a %s those that fit count, and the others are passed over',
  async (type, make) => {
    await Promise.all(names.map((name) => make(name)));
    const { queues, stderr } = await list();
    const lists = [
      'bull:x:wait',
      'bull:x:active',
      'bq:x:waiting',
      'rq:queue:x',
      'resque:queue:x',
      'asynq:{x}:pending',
    ];
    const fitting: Readonly<Record<string, readonly string[]>> = {
      list: lists,
      zset: ['bull:x:failed', 'rq:wip:x', 'asynq:{x}:archived'],
      set: ['queues', '_kombu.binding.x'],
      hash: ['bull:x:meta'],
    };
    // Nobody's unless `queues` has it as a member; as a list of one it is a queue of Sidekiq.
    const ignored = type === 'set' ? [] : ['queue:x'];
    const passed = names.filter((key) => !(fitting[type] ?? []).includes(key) && !ignored.includes(key));
    expect(stderr).toContain(`${passed.length} keys are named like queues of other programs`);
    expect(queues.map(({ program }) => program).toSorted()).toEqual(
      {
        list: ['Bull', 'RQ', 'Resque', 'asynq', 'bee-queue'],
        zset: ['Bull', 'RQ', 'asynq'],
        set: ['Sidekiq'],
      }[type] ?? [],
    );
  },
);

test('a name that is no text is passed over', async () => {
  await redis.lpush(Buffer.from([...Buffer.from('bull:'), 0xff, ...Buffer.from(':wait')]), '1');
  const { queues, stderr } = await list();
  expect(queues).toEqual([]);
  expect(stderr).toContain('1 key is named like queues of other programs');
});

test('names that look like orders to a terminal are made safe, and none is cut', async () => {
  const texts = payloads.filter((_, index) => index % 8 === 0).map((each) => each.replaceAll(':', ''));
  const readable = texts.filter((text) => !Buffer.from(text).toString().includes('\uFFFD'));
  await Promise.all(
    readable.flatMap((text, index) => [
      redis.lpush(`bull:${index}${text}:active`, '1'),
      redis.lpush(`bull:${index}${text}:paused`, '1'),
      redis.set(`bull:${index}${text}:1:lock`, 'token'),
    ]),
  );
  const { stdout } = await runHere(['queue', 'list'], server);
  expect(stdout.split('\n').filter((line) => line.startsWith('Bull '))).toHaveLength(readable.length);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test.each<[string, Partial<Sighting> | undefined]>([
  ['bull:mail:wait', { family: 'bull', base: 'bull:mail', queue: 'mail', isWeak: false }],
  ['{bull}:mail:wait', { family: 'bull', base: '{bull}:mail', queue: 'mail' }],
  ['bull:a:b:id', { family: 'bull', base: 'bull:a:b', queue: 'a:b' }],
  ['bull:mail:5:failed', undefined],
  ['bull:mail:metrics:completed', undefined],
  ['user:7:meta', { family: 'bull', isWeak: true }],
  ['rq:queue:low:intermediate', undefined],
  ['rq:queue:low', { family: 'rq', queue: 'low' }],
  ['app__kombu.binding.celery', { family: 'celery' }],
  ['_kombu.binding.celery.pidbox', undefined],
  ['_kombu.binding.celeryev', undefined],
  ['queue:default', { family: 'sidekiq', queue: 'default' }],
  ['topic:msgs:orders', undefined],
])('the name %s', (key, sighting) => {
  if (sighting) expect(sightingOf(key)).toMatchObject(sighting);
  else expect(sightingOf(key)).toBeUndefined();
});
