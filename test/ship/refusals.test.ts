import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { ship } from '../../source/features/ship/ship.ts';
import { ownServer, refuseWrites } from '../helpers/refusing-server.ts';
import { copyTo, readTree, Scratch } from './harness.ts';

/** A server that refuses for a while: nobody ends, nothing is lost, and it is said once. */

const KiB = 1024;
const terms = { channel: 'logs:', consumers: 1, budgetBytes: 1500 * KiB, partBytes: 64 * KiB };

test.each([
  ['parts that travel with their reservation', 16 * KiB, 8],
  ['parts that are written block by block', 64 * KiB, 64],
])('MISCONF in the middle, with %s', async (_, partBytes, after) => {
  using scratch = new Scratch();
  const server = await ownServer();
  const source = scratch.files('in', { 'a.log': 3_000_000, 'b.log': 500_000 });
  const refusals: unknown[] = [];
  const onRefused = (refusal: unknown): void => void refusals.push(refusal);
  const shipping = ship(server.client(), [source], { ...terms, partBytes, onRefused });
  const redis = server.client();
  await vi.waitFor(async () => expect(Number(await redis.get('ids:logs:'))).toBeGreaterThan(2));
  // The budget is full, and everybody works again while writes are refused.
  const allow = await refuseWrites(server);
  const copying = copyTo(server, path.join(scratch.path, 'copy'), { as: '0', onRefused });
  await vi.waitFor(() => expect(refusals.length).toBeGreaterThan(0), 20_000);
  await allow();
  await Promise.all([shipping, copying]);
  expect(readTree(path.join(scratch.path, 'copy'))).toEqual(readTree(source));
  expect(refusals.every((each) => String(each).includes('MISCONF'))).toBe(true);
  expect(refusals.length).toBeLessThan(after);
});

test('MISCONF for longer than allowed ends both with the reason, and the same calls go on later', async () => {
  using scratch = new Scratch();
  const server = await ownServer();
  const source = scratch.files('in', { 'a.log': 3_000_000 });
  const first = ship(server.client(), [source], { ...terms, timeoutMs: 500 });
  const failing = expect(first).rejects.toMatchObject({ code: 'REDIS_NOT_SAVING' });
  const redis = server.client();
  await vi.waitFor(async () => expect(Number(await redis.get('ids:logs:'))).toBeGreaterThan(2));
  const allow = await refuseWrites(server);
  const copy = path.join(scratch.path, 'copy');
  await expect(copyTo(server, copy, { as: '0', timeoutMs: 500 })).rejects.toMatchObject({
    code: 'REDIS_NOT_SAVING',
  });
  await failing;
  await allow();
  await Promise.all([ship(server.client(), [source], terms), copyTo(server, copy, { as: '0' })]);
  expect(readTree(copy)).toEqual(readTree(source));
});
