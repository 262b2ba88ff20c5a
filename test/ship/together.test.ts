import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { forget } from '../../source/features/ship/channel/forget.ts';
import { status } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { OutDirectory } from '../../source/features/ship/consumer/out.ts';
import { type ShipOptions, ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, readLines, readTree, Scratch } from './harness.ts';
import { startSampler } from './sampler.ts';

const KiB = 1024;
let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const terms = { channel: 'logs:', consumers: 1, budgetBytes: 900 * KiB, partBytes: 64 * KiB };
const copy = (id: number) => path.join(scratch.path, `copy-${id}`);
const shipOn = (directory: string, options: Partial<ShipOptions> = {}) => {
  const listening = server.client();
  return ship(server.client(), [directory], { ...terms, listen: () => listening, ...options });
};

test('several shippers share one budget, and the consumers end with the last of them', async () => {
  const names = ['a', 'b', 'c'];
  const budgetBytes = 2048 * KiB;
  const directories = names.map((name) =>
    scratch.files(`in/${name}`, { 'x.log': 900_000, 'y.log': 100_000 }),
  );
  const sampler = await startSampler(redis, 'logs:');
  const copies = [0, 1].map((id) => copyTo(server, copy(id), { as: String(id) }));
  const shipped = await Promise.all(
    directories.map((directory, index) =>
      shipOn(directory, { prefix: `${names[index]}/`, consumers: 2, budgetBytes }),
    ),
  );
  await Promise.all(copies);
  expect(shipped.map(({ files, bytes }) => [files, bytes])).toEqual(names.map(() => [2, 1_000_000]));
  for (const id of [0, 1]) expect(readTree(copy(id))).toEqual(readTree(path.join(scratch.path, 'in')));
  const { peakUsedBytes, peakMemoryBytes } = await sampler.stop();
  expect(peakUsedBytes).toBeLessThanOrEqual(budgetBytes);
  expect(peakMemoryBytes).toBeLessThanOrEqual(budgetBytes);
});

test('another shipper under other terms is refused, the same file twice is not shipped', async () => {
  const directory = scratch.files('in', { 'a.log': 400_000 });
  const first = shipOn(directory, { budgetBytes: 700 * KiB });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  await expect(shipOn(directory)).rejects.toMatchObject({ code: 'SHIP_TERMS_DIFFER' });
  await expect(shipOn(directory, { budgetBytes: 700 * KiB, consumers: 2 })).rejects.toMatchObject({
    code: 'SHIP_TERMS_DIFFER',
  });
  const second = shipOn(directory, { budgetBytes: 700 * KiB });
  const copying = copyTo(server, copy(0), { as: '0' });
  const [one, two] = await Promise.all([first, second]);
  await copying;
  expect(one).toMatchObject({ files: 1, bytes: 400_000, failed: [] });
  // Either it was informed whose file this is, or it came to it when it was shipped already.
  expect(two.failed.length + two.files).toBe(1);
  expect(readTree(copy(0))).toEqual(readTree(directory));
});

test('when everybody was forgotten the shipper gives up', async () => {
  const directory = scratch.files('in', { 'a.log': 1_500_000 });
  const shipping = shipOn(directory);
  shipping.catch(() => {});
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  await forget(redis, 'logs:', '0');
  await expect(shipping).rejects.toMatchObject({ code: 'SHIP_NO_CONSUMERS' });
});

test('a consumer nobody expects is refused', async () => {
  const directory = scratch.files('in', { 'a.log': 'a\n' });
  const shipping = shipOn(directory);
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  await expect(readLines(redis, { as: '7' })).rejects.toMatchObject({
    code: 'SHIP_NOT_EXPECTED',
    message: 'Channel `logs:` does not expect a consumer `7`; it expects 0',
  });
  await readLines(redis, { as: '0' });
  await shipping;
});

test('interrupted and called again, it goes on where it was', async () => {
  const directory = scratch.files('in', { 'a.log': 900_000, 'b.log': 'b\n' });
  const ending = new AbortController();
  const first = shipOn(directory, { signal: ending.signal });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  ending.abort();
  const interrupted = await first;
  expect(interrupted).toMatchObject({ isInterrupted: true, files: 0 });
  expect(interrupted.bytes).toBeGreaterThan(0);
  expect((await redis.keys('ship-stage*')).length).toBe(0);
  const copying = copyTo(server, copy(0), { as: '0' });
  expect(await shipOn(directory)).toMatchObject({ isInterrupted: false, files: 2, bytes: 900_002 });
  const parts = await copying;
  expect(new Set(parts).size).toBe(parts.length);
  expect(readTree(copy(0))).toEqual(readTree(directory));
});

test('interrupted, and the file is another one by then: it is shipped anew', async () => {
  const directory = scratch.files('in', { 'a.log': 900_000 });
  const ending = new AbortController();
  const first = shipOn(directory, { signal: ending.signal });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  ending.abort();
  await first;
  scratch.files('in', { 'a.log': 'quite another file\n' });
  const copying = copyTo(server, copy(0), { as: '0' });
  await shipOn(directory);
  await copying;
  expect(readTree(copy(0))).toEqual({ 'a.log': 'quite another file\n' });
});

test('what a file left half shipped is reported when it is gone', async () => {
  const directory = scratch.files('in', { 'a.log': 900_000 });
  const ending = new AbortController();
  const first = shipOn(directory, { signal: ending.signal });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  ending.abort();
  const { bytes } = await first;
  const other = scratch.files('other', { 'b.log': 'b\n' });
  const reading = readLines(server.client(), { as: '0' });
  const shipped = await shipOn(other);
  expect(shipped.notes).toEqual([`a.log: gone; ${bytes} bytes of 900000 were shipped before`]);
  expect((await reading).filter(([file]) => file === 'b.log')).toEqual([['b.log', 'b']]);
});

test('Redis loses everything: it is shipped again, and the copies are complete', async () => {
  const directory = scratch.files('in', { 'a.log': 900_000, 'b.log': 'b\n' });
  const shipping = shipOn(directory);
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
  await redis.flushall();
  const copying = copyTo(server, copy(0), { as: '0' });
  await shipping;
  await copying;
  expect(readTree(copy(0))).toEqual(readTree(directory));
});

test('very many files: what was shipped before a restart is known without a record for each', async () => {
  // Older than this run, as files to ship mostly are.
  const directory = path.resolve('node_modules/typescript');
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(files.length).toBeGreaterThan(380);
  const ending = new AbortController();
  const options = { recursive: true, budgetBytes: 1500 * KiB };
  const first = shipOn(directory, { ...options, signal: ending.signal });
  // A reader that stands still before the end, or shipping could be over before it is interrupted.
  const goOn = Promise.withResolvers<void>();
  const parts: string[] = [];
  const copying = (async () => {
    const out = new OutDirectory(copy(0));
    for await (const delivery of consume(server.client(), 'logs:', { as: '0' })) {
      if (parts.length === 330) await goOn.promise;
      await out.write(delivery);
      parts.push(delivery.part);
    }
    await out.close();
  })();
  await vi.waitFor(async () => {
    expect((await status(redis, 'logs:'))?.totals.files).toBeGreaterThan(320);
    expect(parts).toHaveLength(330);
  });
  ending.abort();
  const interrupted = await first;
  expect(interrupted.isInterrupted).toBe(true);
  expect(await redis.hlen('ship-files:logs:')).toBeLessThan(300);
  goOn.resolve();
  expect(await shipOn(directory, options)).toMatchObject({ files: files.length, failed: [] });
  await copying;
  expect(new Set(parts).size).toBe(parts.length);
  expect(readTree(copy(0))).toEqual(readTree(directory));
});
