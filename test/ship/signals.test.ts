import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { status } from '../../source/features/ship/channel/status.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { logLines, Scratch } from './harness.ts';

/** How shipping and consuming end before they are through: signals, a closed stdout, a server that stays away. */

let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const shipped = (...words: string[]) => start(['ship', ...words], { url: server.url, stdin: '' });
const ran = (...words: string[]) => run(['ship', ...words], { url: server.url });
const at = (...steps: string[]) => path.join(scratch.path, ...steps);
const waits = () =>
  vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'), 10_000);

const terms = ['--channel', 'logs:', '--budget', '1MiB', '--part', '64KiB'];

test('a reader of what --exec prints goes away early: it ends quietly, and the part stays', async () => {
  const source = scratch.files('in', { 'a.log': 200_000 });
  const running = shipped('run', source, ...terms, '--consumers', '1');
  const consuming = shipped('consume', 'logs:', '--as', '0', '--exec', 'cat');
  let stderr = '';
  consuming.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await once(consuming.stdout ?? consuming, 'data');
  consuming.stdout?.destroy();
  expect(await once(consuming, 'close')).toEqual([0, null]);
  expect(stderr).toBe('');
  expect((await status(redis, 'logs:'))?.consumers[0]?.lag).toBeGreaterThan(0);
  running.kill();
  await once(running, 'exit');
});

test('Redis stopped for longer than --timeout ends shippers and consumers with 3', async () => {
  const own = await startRedis();
  const source = scratch.files('in', { 'a.log': 1000 });
  const begin = (...words: string[]) =>
    start(['ship', ...words, '--timeout', '2s', '--json'], { url: own.url, stdin: '' });
  const running = [
    begin('run', source, ...terms, '--consumers', '2', '--keep-open'),
    begin('consume', 'logs:', '--as', '0', '--out', at('copy')),
  ];
  const ended = running.map(finished);
  const client = own.client();
  await vi.waitFor(async () => {
    expect((await status(client, 'logs:'))?.consumers).toMatchObject([{ done: 1 }, { done: 0 }]);
  }, 10_000);
  await own.close();
  for (const result of await Promise.all(ended)) {
    expect(result.code).toBe(3);
    expect(errorOf(result).code).toBe('REDIS_LOST');
  }
});

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, code) => {
  test('the shipper gives back what it had not announced', async () => {
    const source = scratch.files('in', { 'a.log': 3_000_000 });
    const child = shipped('run', source, ...terms, '--consumers', '1', '--json');
    const ending = finished(child);
    await waits();
    child.kill(signal);
    expect(await ending).toMatchObject({ code, stderr: '' });
    expect(await redis.keys('ship-stage:*')).toEqual([]);
    expect(await status(redis, 'logs:')).toMatchObject({ state: 'waiting', consumers: [{ id: '0' }] });
  });

  test('the consumer keeps its place for the next one', async () => {
    const source = scratch.files('in', { 'a.log': 3_000_000 });
    const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
    const child = shipped('consume', 'logs:', '--as', '0', '--exec', 'sleep 0.05; cat > /dev/null');
    const ending = finished(child);
    await vi.waitFor(
      async () => expect((await status(redis, 'logs:'))?.consumers[0]?.done).toBeGreaterThan(2),
      10_000,
    );
    child.kill(signal);
    expect((await ending).code).toBe(code);
    const [result] = await Promise.all([ran('consume', 'logs:', '--as', '0', '--out', at('copy')), running]);
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/a\.log: \d+ bytes before byte \d+ were shipped before this consumer came/);
  });
});

test('a reader that closes stdout ends it quietly, and loses nothing', async () => {
  const source = scratch.files('in', { 'a.log': 3_000_000 });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const child = shipped('consume', 'logs:', '--as', '0');
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  const rest = await ran('consume', 'logs:', '--as', '0');
  expect(logLines(3_000_000).toString().endsWith(rest.stdout.slice(0, -1))).toBe(true);
  expect((await running).code).toBe(0);
});

test('a reader that stands still does not keep a consumer from ending', async () => {
  writeFileSync(at('big.log'), logLines(4_000_000));
  const shipping = shipped('run', at('big.log'), '--channel', 'logs:', '--consumers', '1');
  const consuming = shipped('consume', 'logs:', '--as', '0');
  // Never read: the pipe fills up.
  await once(consuming.stdout ?? consuming, 'readable');
  consuming.kill('SIGTERM');
  expect(await once(consuming, 'exit')).toEqual([143, null]);
  shipping.kill('SIGTERM');
  await once(shipping, 'exit');
});
