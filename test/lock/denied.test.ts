import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { extend, release } from '../../source/features/lock/token-commands.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Every command that a script of locks calls, denied by ACL one at a time: afterwards nothing is half done, and the
 * error was the true one.
 */

const server = await redisForThisFile();
const redis = server.client();
const scripts = ['acquire', 'wait', 'release', 'extend', 'hand-over', 'fence'];
const commands = new Set(['publish']);
for (const script of scripts) {
  const text = readFileSync(
    new URL(`../../source/features/lock/holder/${script}.lua`, import.meta.url),
    'utf8',
  );
  for (const [, command = ''] of text.matchAll(/redis\.p?call\(\s*'(\w+)'/g))
    commands.add(command.toLowerCase());
}

/** Longer than a waiter takes that has to look for itself, shorter than any TTL here. */
const soonMs = 10_000;
let users = 0;

async function userWith(...rules: string[]): Promise<Redis> {
  users += 1;
  const username = `user${users}`;
  await redis.call('ACL', 'SETUSER', username, 'on', '>pw', '~*', '+@all', ...rules);
  return server.client({ username, password: 'pw' });
}

const queued = (name: string, count: number) =>
  vi.waitFor(async () => expect(await redis.zcard(`lock-queue:${name}`)).toBe(count), soonMs);

const isRefusal = (error: unknown): boolean => error instanceof DeniedError;

describe.each([...commands])('without %s', (command) => {
  const rules = ['&*', `-${command}`];

  test('acquiring takes it with a fence, or takes nothing', async () => {
    const user = await userWith(...rules);
    const name = `acquire:${command}`;
    const taken = await acquire(user, name, { ttlMs: 60_000 }).catch((error: unknown) => error);
    if (isRefusal(taken)) expect(await redis.exists(`lock:${name}`)).toBe(0);
    else expect(taken).toMatchObject({ token: await redis.get(`lock:${name}`), fence: expect.any(Number) });
  });

  test('releasing hands it over, or leaves it and its queue as they were', async () => {
    const user = await userWith(...rules);
    const name = `release:${command}`;
    const held = await acquire(redis, name, { ttlMs: 60_000 });
    const token = held?.token ?? '';
    const waiter = acquire(server.client(), name, { waitMs: 60_000 });
    await queued(name, 1);
    const answer = await release(user, name, token).catch((error: unknown) => error);
    if (isRefusal(answer)) {
      expect(await redis.get(`lock:${name}`)).toBe(token);
      await queued(name, 1);
      expect(await release(redis, name, token)).toBe(true);
    } else {
      expect(answer).toBe(true);
    }
    const next = await waiter;
    expect(next?.fence).toBeGreaterThan(held?.fence ?? 0);
    await next?.release();
    expect(await redis.exists(`lock:${name}`, `lock-queue:${name}`)).toBe(0);
    // What could not be tidied up goes by itself.
    expect(await redis.pttl(`lock-waiting:${name}`)).not.toBe(-1);
  });

  test('waiting gets it in turn, or leaves no trace', async () => {
    const user = await userWith(...rules);
    const name = `wait:${command}`;
    const held = await acquire(redis, name, { ttlMs: 60_000 });
    const waiter = acquire(user, name, { waitMs: 60_000 }).catch((error: unknown) => error);
    const refused = await Promise.race([waiter, queued(name, 1)]);
    if (!isRefusal(refused)) await held?.release();
    const outcome = await waiter;
    if (isRefusal(outcome)) {
      expect(await redis.exists(`lock-queue:${name}`)).toBe(0);
    } else {
      expect(outcome).toMatchObject({ token: await redis.get(`lock:${name}`) });
    }
  });

  test('extending moves the end, or nothing', async () => {
    const user = await userWith(...rules);
    const name = `extend:${command}`;
    const held = await acquire(redis, name, { ttlMs: 60_000 });
    const answer = await extend(user, name, held?.token ?? '', 600_000).catch((error: unknown) => error);
    const left = await redis.pttl(`lock:${name}`);
    if (isRefusal(answer)) expect(left).toBeLessThanOrEqual(60_000);
    else expect([answer, left > 60_000]).toEqual([{ fence: held?.fence }, true]);
  });
});

describe('without any channel', () => {
  test('a holder releases, and the next in line finds out by itself', async () => {
    const user = await userWith('resetchannels');
    const held = await acquire(user, 'mute', { ttlMs: 60_000 });
    const waiter = acquire(redis, 'mute', { waitMs: 60_000, ttlMs: 60_000 });
    await queued('mute', 1);
    expect(await held?.release()).toBe(true);
    const granted = await redis.get('lock:mute');
    expect(await Promise.race([waiter, redis.pttl('lock:mute')])).toBeDefined();
    expect((await waiter)?.token).toBe(granted);
    expect(await redis.pttl('lock:mute')).toBeGreaterThan(50_000);
  });

  test('a waiter gets it in turn', async () => {
    const user = await userWith('resetchannels');
    const held = await acquire(redis, 'deaf', { ttlMs: 60_000 });
    const waiter = acquire(user, 'deaf', { waitMs: 60_000, ttlMs: 60_000 });
    await queued('deaf', 1);
    const second = acquire(redis, 'deaf', { waitMs: 60_000, ttlMs: 60_000 });
    await queued('deaf', 2);
    await held?.release();
    const first = await waiter;
    expect(first?.token).toBe(await redis.get('lock:deaf'));
    await first?.release();
    await (await second)?.release();
  });
});
