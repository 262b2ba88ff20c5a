import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { forget } from '../../source/features/ship/channel/forget.ts';
import { status } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { copyTo, readLines, readTree, Scratch } from './harness.ts';

/** What takes as long as a silence does before it counts. */

const KiB = 1024;
let server: RedisServer;
let scratch: Scratch;
beforeAll(async () => {
  server = await startRedis();
  scratch = new Scratch();
});
afterAll(async () => {
  scratch[Symbol.dispose]();
  await server.close();
});

const terms = { budgetBytes: 1500 * KiB, partBytes: 64 * KiB };

describe.concurrent('stalled', () => {
  test('a consumer that stays away: who, and since when; forgotten, the others go on', async () => {
    const redis = server.client();
    const channel = 'away:';
    const directory = scratch.files('away', { 'a.log': 1_500_000 });
    const copy = path.join(scratch.path, 'copy');
    const shipping = ship(server.client(), [directory], { ...terms, channel, consumers: 2 });
    const copying = copyTo(server, copy, { as: '0', channel });
    await vi.waitFor(async () =>
      expect((await status(redis, channel))?.consumers[1]?.lag).toBeGreaterThan(2),
    );
    const first = await status(redis, channel);
    expect(first?.consumers[1]).toMatchObject({ id: '1', seenMs: null, stalledMs: null });
    const stalled = await vi.waitFor(
      async () => {
        const found = await status(redis, channel);
        expect(found?.state).toBe('stalled');
        return found;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(stalled?.reason).toMatch(/^consumer 1 owes \d+ parts, never seen$/);
    expect(stalled?.consumers[1]?.stalledMs).toBeLessThan(Date.now() - 9000);
    expect(stalled?.consumers[0]).toMatchObject({ lag: 0, stalledMs: null });
    expect(await forget(redis, channel, '1')).toBeGreaterThan(0);
    await Promise.all([shipping, copying]);
    expect(readTree(copy)).toEqual(readTree(directory));
    await expect(forget(redis, channel, '1')).rejects.toMatchObject({ code: 'SHIP_NOT_EXPECTED' });
    await expect(forget(redis, 'nowhere', '1')).rejects.toMatchObject({ code: 'SHIP_UNKNOWN_CHANNEL' });
  });

  test('a shipper that died beside another one: what it left in the budget is waited for', async () => {
    const redis = server.client();
    const channel = 'left:';
    const options = { ...terms, channel, consumers: 1 };
    const dying = server.client();
    const died = ship(dying, [scratch.files('died', { 'a.log': 1_500_000 })], options);
    died.catch(() => {});
    await vi.waitFor(async () => expect((await status(redis, channel))?.state).toBe('waiting'));
    const shipping = ship(server.client(), [scratch.files('lives', { 'b.log': 300_000 })], {
      ...options,
      partBytes: 512 * KiB,
    });
    await vi.waitFor(async () => expect(await redis.hget(`ship:${channel}`, 'shippers')).toBe('2'));
    dying.disconnect();
    await vi.waitFor(async () => expect(await redis.hget(`ship:${channel}`, 'shippers')).toBe('1'), 20_000);
    // It asks for room again, several times, and every time leaves a sign of life.
    const signs = new Set<string>();
    await vi.waitFor(async () => {
      for (const sign of await redis.hvals(`ship-who:${channel}`)) signs.add(sign);
      expect(signs.size).toBeGreaterThan(5);
    }, 5000);
    const lines = readLines(server.client(), { as: '0', channel });
    expect(await shipping).toMatchObject({ files: 1, bytes: 300_000 });
    expect((await lines).some(([file]) => file === 'b.log')).toBe(true);
  });

  test('two processes under one id: the second is refused while the first lives', async () => {
    const channel = 'twice:';
    const directory = scratch.files('twice', { 'a.log': 'a\n' });
    const shipping = ship(server.client(), [directory], { ...terms, channel, consumers: 1 });
    const first = consume(server.client(), channel, { as: '0' });
    await first.next();
    const second = readLines(server.client(), { as: '0', channel });
    await expect(second).rejects.toMatchObject({ code: 'SHIP_CONSUMER_BUSY' });
    await first.next();
    await shipping;
  });

  test('a consumer that comes when the run is over waits for another one, but not for ever', async () => {
    const channel = 'late:';
    const directory = scratch.files('late', { 'a.log': 'a\n' });
    const options = { ...terms, channel, consumers: 1 };
    const reading = readLines(server.client(), { as: '0', channel });
    await ship(server.client(), [directory], options);
    expect(await reading).toEqual([['a.log', 'a']]);
    const early = readLines(server.client(), { as: '0', channel });
    await ship(server.client(), [directory], options);
    expect(await early).toEqual([['a.log', 'a']]);
    expect(await readLines(server.client(), { as: '0', channel })).toEqual([]);
  });

  test('a sign of life that fails is not the last one', async () => {
    const redis = server.client();
    const channel = 'beating:';
    const directory = scratch.files('beating', { 'a.log': 'one\n' });
    const copy = path.join(scratch.path, 'beating-copy');
    const stop = new AbortController();
    const copying = copyTo(server, copy, { as: '0', channel, signal: stop.signal });
    await ship(server.client(), [directory], { ...terms, channel, consumers: 1, keepOpen: true });
    const who = `ship-who:${channel}`;
    await redis.rename(who, 'kept');
    await redis.set(who, 'in the way');
    const failures = async () =>
      Number(/cmdstat_hget:.*failed_calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    const before = await failures();
    await vi.waitFor(async () => expect(await failures()).toBeGreaterThan(before), 5000);
    await redis.rename('kept', who);
    const seen = async () => (await status(redis, channel))?.consumers[0]?.seenMs ?? 0;
    const last = await seen();
    await vi.waitFor(async () => expect(await seen()).toBeGreaterThan(last), 5000);
    stop.abort();
    await expect(copying).rejects.toThrow();
  });
});
