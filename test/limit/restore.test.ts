import { beforeEach, describe, expect, test } from 'vitest';
import { WrongTypeError } from '../../source/errors.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { resetKept, restore } from '../../source/features/limit/reset/keep.ts';
import type { Algorithm } from '../../source/features/limit/rules.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** A reset that is taken back: what was used before counts again, and what was used since goes on counting. */

const server = await redisForThisFile();
const redis = server.client();
// The index notes a limit of one process once a minute: each test has a subject of its own.
let subjects = 0;
let subject = '';
beforeEach(() => {
  subjects += 1;
  subject = `s${subjects}`;
});

// Long, so that no window or slice ends within a test.
const perMs = 30 * 86_400_000;
const algorithms: readonly Algorithm[] = ['fixed', 'sliding', 'gcra'];
const used = async (algorithm: Algorithm): Promise<number> => {
  const { remaining, limit } = await new Limiter(redis, { algorithm, max: 100, perMs }).peek(subject);
  return limit - remaining;
};
const spend = async (algorithm: Algorithm, cost: number): Promise<void> => {
  const limiter = new Limiter(redis, { algorithm, max: 100, perMs });
  expect(await limiter.hit(subject, cost)).toMatchObject({ allowed: true });
  await limiter.close();
};
const keys = async (): Promise<readonly string[]> => (await redis.keys(`limit:${subject}:*`)).toSorted();
const kept = async (): Promise<readonly string[]> => (await keys()).filter((key) => key.includes(':reset:'));

describe.each(algorithms)('%s', (algorithm) => {
  test('counts again as it did, and ends when it would have ended', async () => {
    await spend(algorithm, 30);
    const [state = ''] = await keys();
    const before = { dump: await redis.dumpBuffer(state), endsAt: await redis.pexpiretime(state) };
    const { cleared, id = '' } = await resetKept(redis, subject);
    expect(cleared).toBe(1);
    expect(await used(algorithm)).toBe(0);
    expect(await restore(redis, subject, id)).toBe(1);
    expect(await used(algorithm)).toBe(30);
    expect(await keys()).toEqual([state]);
    if (algorithm !== 'gcra') expect(await redis.dumpBuffer(state)).toEqual(before.dump);
    // The leaky bucket is written as of now, rounded up.
    expect(Math.abs((await redis.pexpiretime(state)) - before.endsAt)).toBeLessThanOrEqual(1);
  });

  test('counts beside what was used since, also beyond the maximum', async () => {
    await spend(algorithm, 70);
    const { id = '' } = await resetKept(redis, subject);
    await spend(algorithm, 10);
    expect(await restore(redis, subject, id)).toBe(1);
    expect(await used(algorithm)).toBe(80);
    const again = await resetKept(redis, subject);
    await spend(algorithm, 60);
    expect(await restore(redis, subject, again.id ?? '')).toBe(1);
    expect(await used(algorithm)).toBe(100);
    const refused = await new Limiter(redis, { algorithm, max: 100, perMs }).hit(subject);
    expect(refused.allowed).toBe(false);
  });

  test('counts once, however often it is restored', async () => {
    await spend(algorithm, 30);
    const { id = '' } = await resetKept(redis, subject);
    expect(await restore(redis, subject, id)).toBe(1);
    expect(await restore(redis, subject, id)).toBe(0);
    expect(await used(algorithm)).toBe(30);
  });

  test('of two resets each is restored by itself', async () => {
    await spend(algorithm, 30);
    const first = await resetKept(redis, subject);
    await spend(algorithm, 5);
    const second = await resetKept(redis, subject);
    expect(await restore(redis, subject, second.id ?? '')).toBe(1);
    expect(await used(algorithm)).toBe(5);
    expect(await restore(redis, subject, first.id ?? '')).toBe(1);
    expect(await used(algorithm)).toBe(35);
  });

  test('is kept for an hour and no longer', async () => {
    await spend(algorithm, 99);
    await resetKept(redis, subject);
    const [key = ''] = await kept();
    const left = await redis.pttl(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(3_600_000);
  });

  test('nothing is changed where something else stands by now', async () => {
    await spend(algorithm, 30);
    const [state = ''] = await keys();
    const { id = '' } = await resetKept(redis, subject);
    await redis.rpush(state, 'x');
    await expect(restore(redis, subject, id)).rejects.toThrow(WrongTypeError);
    expect(await redis.lrange(state, 0, -1)).toEqual(['x']);
    expect(await kept()).toHaveLength(1);
  });
});

test('a reset of nothing spent keeps nothing', async () => {
  await spend('fixed', 1);
  await redis.del(`limit:${subject}:fixed:${perMs}`);
  expect(await resetKept(redis, subject)).toEqual({ cleared: 1, id: undefined });
});

test('without the right to keep it the limits come back all the same, for good', async () => {
  await redis.call('ACL', 'SETUSER', 'plain', 'on', '>pw', '~*', '+@all', '-rename');
  await spend('fixed', 30);
  const plain = server.client({ username: 'plain', password: 'pw' });
  expect(await resetKept(plain, subject)).toEqual({ cleared: 1, id: undefined });
  expect(await keys()).toEqual([]);
});

test('plain keys are shared with other programs: they go, and nothing of them is kept', async () => {
  const limiter = new Limiter(redis, { max: 100, perMs: 60_000, layout: 'seed' });
  await limiter.hit(subject, 3);
  await limiter.close();
  expect((await resetKept(redis, subject)).id).toBeUndefined();
  expect(await redis.keys(`${subject}:*`)).toEqual([]);
});

test('scripts get the id of a reset, and take it back with that', async () => {
  const qd = async (...words: string[]) => await runHere(words, { url: server.url });
  await qd('limit', 'hit', 'ann', '--max', '5', '--per', '1d', '--cost', '4');
  const reset = JSON.parse((await qd('limit', 'reset', 'ann', '--json')).stdout) as { undo: string };
  expect(reset).toMatchObject({ subject: 'ann', cleared: 1, undo: expect.any(String) });
  expect(JSON.parse((await qd('limit', 'restore', 'ann', reset.undo, '--json')).stdout)).toEqual({
    subject: 'ann',
    restored: 1,
  });
  const listed = JSON.parse((await qd('limit', 'list', '--json')).stdout) as {
    subject: string;
    used: number;
  }[];
  expect(listed.find((one) => one.subject === 'ann')?.used).toBe(4);
  const again = await qd('limit', 'restore', 'ann', reset.undo);
  expect(again.code).toBe(4);
  expect(again.stderr).toContain('Nothing is kept of the reset');
});
