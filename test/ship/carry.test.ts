import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { forget } from '../../source/features/ship/channel/forget.ts';
import { status } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { readLines, Scratch } from './harness.ts';

/** The beginning of a line that a part cut, when its rest never comes. */

let scratch: Scratch;
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

/** So little room that consumer 1, who is not there, stops it in the middle of the file. */
const terms = { channel: 'logs:', consumers: 2, budgetBytes: 64 * 1024, partBytes: 1024 };
const long = `${'x'.repeat(15_000)}\n`;

/** Ships the file until it stops, and everything of it to consumer 0; resolves when both have gone. */
async function shipHalf(file: string): Promise<void> {
  const redis = server.client();
  const stop = new AbortController();
  const shipping = ship(redis, [file], { ...terms, signal: stop.signal });
  const reading = new AbortController();
  const consuming = (async () => {
    const deliveries = consume(server.client(), 'logs:', { as: '0', signal: reading.signal });
    for await (const delivery of deliveries) for await (const _ of delivery.lines());
  })();
  await vi.waitFor(async () => {
    const found = await status(redis, 'logs:');
    expect(found).toMatchObject({ state: 'waiting', consumers: [{ lag: 0 }, {}] });
    expect(found?.consumers[1]?.lag).toBeGreaterThan(2);
  }, 5000);
  stop.abort();
  await shipping;
  reading.abort();
  await expect(consuming).rejects.toThrow();
}

test('a file that was made anew under its name begins with its own first line', async () => {
  const directory = scratch.files('in', { 'a.log': long });
  const file = path.join(directory, 'a.log');
  await shipHalf(file);
  rmSync(file);
  writeFileSync(file, 'fresh\n');
  const reading = ['0', '1'].map((as) => readLines(server.client(), { as }));
  await ship(server.client(), [file], terms);
  for (const lines of await Promise.all(reading)) {
    expect(lines).toEqual([
      ['a.log', expect.stringMatching(/^x+$/)],
      ['a.log', 'fresh'],
    ]);
  }
});

test('a consumer that was forgotten begins the next run without it', async () => {
  const redis = server.client();
  const directory = scratch.files('in', { 'a.log': long });
  const file = path.join(directory, 'a.log');
  await shipHalf(file);
  expect(await redis.hlen('ship-carry:logs:')).toBe(1);
  await forget(redis, 'logs:', '0');
  expect(await redis.hlen('ship-carry:logs:')).toBe(0);
});
