import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { logKeys } from '../../source/features/log/keys.ts';
import { common, logs, recent } from '../../source/features/log/log.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
import { run } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startCluster();
});
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 20_000);
  await cluster.flush();
});
afterAll(() => cluster.close());

test('logs of any name are written, rotated and read, each in a slot of its own', async () => {
  const redis = cluster.client();
  const hour = Date.UTC(2026, 10, 25, 12) / 1000;
  for (const name of ['web', 'db', 'cron', 'a:b', '{tagged}:x']) {
    let clock = hour;
    await using writer = new LogWriter(redis, name, { severity: 'error', clock: () => clock });
    for (let id = 0; id < 2000; id += 1) if (!writer.write(`job ${id} failed`)) await writer.drained();
    await writer.flush();
    clock += 3600;
    writer.write('job 1 failed');
    await writer.flush();
    const log = { name, severity: 'error' };
    const found = await common(redis, log, { clock });
    expect(found.entries).toMatchObject([{ message: 'job <*> failed', count: 1, previous: 2000 }]);
    expect(await recent(redis, log)).toHaveLength(100);
  }
  expect((await logs(redis)).map(({ name }) => name)).toEqual(['{tagged}:x', 'a:b', 'cron', 'db', 'web']);
  expect(logKeys(redis, { name: 'web', severity: 'error' }).last).toBe('common:{web:error}:last');
});

test('a slot that moves while writers write costs no message', async () => {
  const redis = cluster.client();
  const writer = new LogWriter(redis, 'web', { flushMs: 1, flushMessages: 20 });
  const { common: key } = logKeys(redis, writer.log);
  let written = 0;
  let isMoving = true;
  const moving = cluster.moveSlotOf(key).finally(() => {
    isMoving = false;
  });
  while (isMoving || written < 5000) {
    written += 1;
    if (!writer.write(`job ${written} done`)) await writer.drained();
    if (written % 50 === 0) await new Promise(setImmediate);
  }
  await moving;
  await writer.close();
  expect((await common(redis, writer.log)).entries).toMatchObject([
    { message: 'job <*> done', count: written },
  ]);
});

test('the commands find them, also those that others wrote', async () => {
  const [url = ''] = cluster.urls;
  const cli = async (...words: string[]): Promise<unknown> => {
    const { stdout, stderr } = await run(['log', ...words, '--cluster', '--json'], { url });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  };
  expect(await cli('write', 'web', 'disk', 'full')).toMatchObject({ written: 1 });
  const theirs = logKeys(cluster.client(), { name: 'theirs', severity: 'info' });
  await cluster.client().set(theirs.start, `${new Date().toISOString().slice(0, 13)}:00:00`);
  await cluster.client().zadd(theirs.common, 3, 'x');
  expect(await cli('list')).toEqual([{ name: 'web', severity: 'info', total: 1, distinct: 1 }]);
  expect(await cli('list', '--discover')).toContainEqual({
    name: 'theirs',
    severity: 'info',
    total: 3,
    distinct: 1,
  });
});
