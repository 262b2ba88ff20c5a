import { beforeEach, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { feed } from '../../source/features/lock/feed.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { initial } from '../../source/features/lock/state.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** The commands as a script runs them: words in, stdout, stderr and an exit code out. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const lock = (...words: string[]) => run(['lock', ...words], { url: server.url });
const json = async (...words: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await lock(...words, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
};

test('acquire, list, extend, release: the life of a lock', async () => {
  const acquired = await json('acquire', 'deploy', '--ttl', '30s', '--label', 'by hand');
  expect(acquired).toEqual({
    name: 'deploy',
    token: expect.any(String),
    fence: expect.any(Number),
    ttlMs: 30_000,
  });
  const { token, fence } = acquired as { token: string; fence: number };
  expect(await redis.get('lock:deploy')).toBe(token);

  const waiting = acquire(redis, 'deploy', { waitMs: 20_000, label: 'me too' });
  await vi.waitFor(async () => expect(await redis.zcard('lock-queue:deploy')).toBe(1), 10_000);
  const [listed] = (await json('list')) as unknown as Record<string, unknown>[];
  expect(listed).toEqual({
    name: 'deploy',
    owner: { host: expect.any(String), pid: expect.any(Number), label: 'by hand' },
    isHeld: true,
    isForeign: false,
    fence,
    heldMs: expect.any(Number),
    ttlMs: expect.any(Number),
    condition: 'contended',
    waiters: [{ host: expect.any(String), pid: process.pid, label: 'me too', waitedMs: expect.any(Number) }],
  });
  expect(listed?.heldMs).toBeLessThan(10_000);
  expect(listed?.ttlMs).toBeGreaterThan(20_000);
  expect((await lock('list')).stdout).toMatch(
    /^NAME +OWNER +HELD +LEFT +QUEUE +FENCE +LABEL\ndeploy +\S+:\d+ +\d.* 1 +\d{16} +by hand; next \S+:\d+, waiting /,
  );

  expect(await json('extend', 'deploy', token, '--ttl', '1m')).toEqual({
    name: 'deploy',
    token,
    fence,
    ttlMs: 60_000,
  });
  expect(await redis.pttl('lock:deploy')).toBeGreaterThan(50_000);
  expect(await json('release', 'deploy', token)).toEqual({ name: 'deploy', released: true });
  expect((await waiting)?.token).toBe(await redis.get('lock:deploy'));
});

test('not obtained: exit 1, and who has it', async () => {
  const { token } = await json('acquire', 'deploy');
  const refused = await lock('acquire', 'deploy', '--wait', '100ms');
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/^Lock deploy is held by \S+:\d+ \(tester\), [\d.]+s left\n$/);
  const asJson = await lock('acquire', 'deploy', '--json');
  expect([asJson.code, JSON.parse(asJson.stdout)]).toEqual([
    1,
    { name: 'deploy', token: null, fence: null, ttlMs: 10_000 },
  ]);
  await json('release', 'deploy', String(token));
});

describe('break', () => {
  test('takes it from its holder, and the next in line has it', async () => {
    const held = await acquire(redis, 'deploy', { label: 'stuck' });
    const wait = acquire(redis, 'deploy', { waitMs: 20_000 });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:deploy')).toBe(1), 10_000);
    const refused = await lock('break', 'deploy', '--json');
    expect([refused.code, errorOf(refused).code]).toEqual([2, 'NOT_CONFIRMED']);
    const readOnly = await lock('break', 'deploy', '--yes', '--read-only', '--json');
    expect([readOnly.code, errorOf(readOnly).code]).toEqual([2, 'READ_ONLY']);
    expect(await json('break', 'deploy', '--yes')).toMatchObject({ broken: true, owner: { label: 'stuck' } });
    expect((await wait)?.fence).toBeGreaterThan(held?.fence ?? 0);
    expect(await held?.extend()).toBe(false);
  });

  test('takes it from another program too, and says when there is nothing to break', async () => {
    await redis.set('lock:deploy', 'foreign');
    expect(await json('break', 'deploy', '--yes')).toEqual({ name: 'deploy', broken: true, owner: null });
    const nobody = await lock('break', 'deploy', '--yes');
    expect([nobody.code, nobody.stdout]).toEqual([1, 'Nobody holds deploy\n']);
    await redis.set('lock:deploy', 'another');
    const changed = await lock('break', 'deploy', '--yes', '--token', 'foreign');
    expect([changed.code, changed.stdout]).toEqual([1, 'deploy has changed hands meanwhile\n']);
    expect(await redis.get('lock:deploy')).toBe('another');
  });
});

test('what other programs hold is found on request, and known from then on', async () => {
  await redis.set('lock:by-python', 'c0ffee');
  expect(await json('list')).toEqual([]);
  const [found] = (await json('list', '--discover')) as unknown as unknown[];
  expect(found).toMatchObject({
    name: 'by-python',
    owner: { host: null, pid: null, label: '(foreign)' },
    isForeign: true,
    ttlMs: null,
    fence: null,
  });
  expect(await json('list')).toHaveLength(1);
  expect((await lock('list')).stdout).toContain('no TTL');
});

test('the console reads all of it in three commands, and nothing changes while nothing happens', async () => {
  const config = readConfig({ readOnly: true }, {});
  const context = { redis, connections: [], config };
  await acquire(redis, 'a', { ttlMs: 60_000 });
  await redis.set('lock:b', 'foreign');
  await redis.zadd('quarterdeck:lock', Date.now(), 'b', Date.now(), 'wrong');
  await redis.lpush('lock:wrong', 1);
  const count = async (): Promise<number> => {
    const info = await redis.info('stats');
    return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
  };
  await feed.read(context, initial);
  const before = await count();
  const slice = (await feed.read(context, initial))(initial);
  // Commands inside the script count too: four a lock, and TIME.
  expect((await count()) - before).toBeLessThanOrEqual(3 + 1 + 3 * 4 + 1);
  expect(slice.locks.map(({ name, owner }) => [name, owner])).toEqual([
    ['b', '(foreign)'],
    ['a', expect.stringContaining(`:${process.pid}`)],
  ]);
  expect(slice.wrong).toEqual(['Lock `wrong` cannot be read: key `lock:wrong` holds other data']);
});

describe('bad input', () => {
  test.each([
    ['a TTL under 100 ms', ['acquire', 'x', '--ttl', '99ms'], 2, 'LOCK_TTL'],
    ['extending by less', ['extend', 'x', 'y', '--ttl', '5ms'], 2, 'LOCK_TTL'],
    [
      'extending with a token that is not ours',
      ['extend', 'mine', 'theirs', '--ttl', '5s'],
      4,
      'LOCK_NOT_HELD',
    ],
    ['releasing with a token that is not ours', ['release', 'mine', 'theirs'], 4, 'LOCK_NOT_HELD'],
    ['acquiring over foreign data', ['acquire', 'data'], 4, 'WRONG_TYPE'],
    ['waiting over foreign data', ['acquire', 'data', '--wait', '5s'], 4, 'WRONG_TYPE'],
    ['extending foreign data', ['extend', 'data', 'x', '--ttl', '5s'], 4, 'WRONG_TYPE'],
    ['releasing foreign data', ['release', 'data', 'x'], 4, 'WRONG_TYPE'],
    ['breaking foreign data', ['break', 'data', '--yes'], 4, 'WRONG_TYPE'],
    ['acquiring where the fence is no number', ['acquire', 'odd'], 4, 'WRONG_TYPE'],
    ['an empty name', ['acquire', ''], 2, 'USAGE'],
  ])('%s', async (_, words, code, name) => {
    await redis.rpush('lock:data', 'x');
    await redis.set('lock:mine', 'token');
    await redis.set('lock-fence:odd', 'x');
    const ran = await lock(...words, '--json');
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(errorOf(ran)).toMatchObject({ code: name, message: expect.any(String), hint: expect.any(String) });
    expect(await redis.get('lock:mine')).toBe('token');
  });
});
