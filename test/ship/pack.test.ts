import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { look } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { type ShipOptions, ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, readTree, Scratch } from './harness.ts';

/** Many small files travel together: the same files arrive, by far fewer commands. */

let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const KiB = 1024;
const terms = { channel: 'logs:', consumers: 1, budgetBytes: 4096 * KiB };
const copy = (name = 'copy') => path.join(scratch.path, name);
const shipping = async (source: string, options: Partial<ShipOptions> = {}) => {
  const listening = server.client();
  return await ship(server.client(), [source], { ...terms, listen: () => listening, ...options });
};

function smallFiles(count: number, bytes = KiB): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = `${String(index).padStart(4, '0')}.log`;
      return [name, `${index} of many\n`.repeat(Math.ceil(bytes / 10)).slice(0, bytes)];
    }),
  );
}

/** How many scripts were run. */
async function scriptsRun(): Promise<number> {
  const stats = await redis.info('commandstats');
  const calls = stats.matchAll(/cmdstat_eval\w*:calls=(\d+)/g);
  return Array.from(calls).reduce((sum, [, count]) => sum + Number(count), 0);
}

test('1,000 small files: each arrives, by far fewer scripts, and nothing is left', async () => {
  const source = scratch.files('in', smallFiles(1000));
  await redis.config('RESETSTAT');
  const [shipped, parts] = await Promise.all([
    shipping(source),
    copyTo(server, copy(), { as: '0', acknowledgesTogether: true }),
  ]);
  // One by one they are three for each file.
  expect(await scriptsRun()).toBeLessThan(1000);
  expect(shipped).toMatchObject({ files: 1000, bytes: 1000 * KiB, parts: 1000 });
  expect(parts).toEqual(Object.keys(smallFiles(1000)));
  expect(readTree(copy())).toEqual(readTree(source));
  expect(await look(redis, 'logs:')).toMatchObject({
    state: 'done',
    partsInRedis: 0,
    totals: { files: 1000, bytes: 1000 * KiB, parts: 1000 },
  });
  expect((await redis.keys('logs:*')).length).toBe(0);
});

test('small ones between large, empty, compressed and oddly named ones, in the order of their names', async () => {
  const odd = { 'a~1': 'odd\n', 'b:done': 'odd\n', 'c.log.gz': gzipSync('packed\n'), 'd.log': '' };
  const source = scratch.files('in', { ...smallFiles(40), ...odd, '0010.log': 200 * KiB, '0030.log': '' });
  const [shipped, parts] = await Promise.all([
    shipping(source, { partBytes: 64 * KiB }),
    copyTo(server, copy(), { as: '0', acknowledgesTogether: true }),
  ]);
  expect(readTree(copy())).toEqual(readTree(source));
  expect(shipped).toMatchObject({ files: 44, parts: parts.length });
  const files = parts.map((part) => part.replace(/^(00\d\d\.log)~\d+$/, '$1'));
  expect(files).toEqual(files.toSorted());
});

test.each([1, 2])('through a budget that holds a few of them, to %i consumers', async (consumers) => {
  const source = scratch.files('in', smallFiles(200, 12 * KiB));
  const copying = Array.from({ length: consumers }, (_, id) =>
    copyTo(server, copy(String(id)), { as: String(id), acknowledgesTogether: true }),
  );
  const shipped = await shipping(source, { consumers, budgetBytes: 1024 * KiB });
  await Promise.all(copying);
  for (let id = 0; id < consumers; id += 1) expect(readTree(copy(String(id)))).toEqual(readTree(source));
  expect(shipped.peakBytes).toBeLessThanOrEqual(1024 * KiB);
});

test('interrupted and run again it goes on where it stopped', async () => {
  const source = scratch.files('in', smallFiles(1000));
  const ending = new AbortController();
  const first = shipping(source, { budgetBytes: 1024 * KiB, signal: ending.signal });
  await vi.waitFor(async () => expect(await redis.hlen('ship-parts:logs:')).toBeGreaterThan(50));
  ending.abort();
  const { files } = await first;
  expect(files).toBeLessThan(1000);
  const [again, parts] = await Promise.all([
    shipping(source, { budgetBytes: 1024 * KiB }),
    copyTo(server, copy(), { as: '0', acknowledgesTogether: true }),
  ]);
  expect(again).toMatchObject({ files: 1000, parts: 1000 });
  expect(parts).toHaveLength(1000);
  expect(readTree(copy())).toEqual(readTree(source));
});

test('two shippers share a channel', async () => {
  const [one, two] = [scratch.files('one', smallFiles(60)), scratch.files('two', smallFiles(60))];
  await Promise.all([
    shipping(one, { prefix: 'one-' }),
    shipping(two, { prefix: 'two-' }),
    copyTo(server, copy(), { as: '0', acknowledgesTogether: true }),
  ]);
  expect(Object.keys(readTree(copy()))).toHaveLength(120);
});

test('a name whose key is somebody else\u2019s is said, as for any file', async () => {
  const source = scratch.files('in', smallFiles(20));
  await redis.set('logs:0007.log', 'mine');
  await expect(shipping(source)).rejects.toMatchObject({ code: 'SHIP_KEY_TAKEN' });
  expect(await redis.get('logs:0007.log')).toBe('mine');
});

test('a consumer that is left acknowledges what it had taken, and nothing of what it had not', async () => {
  const source = scratch.files('in', smallFiles(30));
  const run = shipping(source);
  const taken: string[] = [];
  for await (const delivery of consume(server.client(), 'logs:', { as: '0', acknowledgesTogether: true })) {
    if (taken.length === 10) break;
    taken.push(delivery.part);
  }
  await vi.waitFor(async () => expect(await redis.hlen('ship-parts:logs:')).toBe(20));
  const rest = await copyTo(server, copy(), { as: '0', acknowledgesTogether: true });
  expect([...taken, ...rest]).toEqual(Object.keys(smallFiles(30)));
  await run;
});

test('without that each is acknowledged when the next one is asked for', async () => {
  const source = scratch.files('in', smallFiles(30));
  const run = shipping(source);
  let count = 0;
  for await (const _ of consume(server.client(), 'logs:', { as: '0' })) {
    count += 1;
    if (count === 5) expect(await redis.hlen('ship-parts:logs:')).toBe(26);
  }
  await run;
});
