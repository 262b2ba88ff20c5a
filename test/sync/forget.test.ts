import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { syncKeys } from '../../source/features/sync/keys.ts';
import { unused, writeRecord } from '../../source/features/sync/record.ts';
import { status } from '../../source/features/sync/status.ts';
import { notify } from '../../source/features/sync/watcher/watch.ts';
import { openTopic, topicStatus } from '../../source/features/topic/topic.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** A target that was given by mistake, or is no more, can be got rid of with all that hangs off it. */

let base: string;
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const forget = (...words: string[]) => run(['sync', 'forget', ...words, '--json'], { url: server.url });

/** What a runner leaves behind when it ends: its subscriber, its record, and a path that failed. */
async function served(target: string, channel = 'new_files'): Promise<void> {
  const redis = server.client();
  const topic = openTopic(redis, channel);
  const lease = { name: `sync:${base}>${target}`, token: target };
  await topic.claim(lease, { from: 'now', label: 'test', leaseMs: 10_000 });
  await topic.register();
  await topic.release(lease);
  await redis.hset(syncKeys(redis, channel).failed, `${target}\npicture.png`, 1);
  await writeRecord(redis, channel, target, unused(base));
}

test('a forgotten target holds nothing back and is not shown; the others stay', async () => {
  const redis = server.client();
  await served('typo:/srv');
  await notify(redis, 'new_files', ['one', 'two'], { base });
  await served('cdn1:/srv');
  expect(await status(redis)).toMatchObject([
    { target: 'cdn1:/srv', queued: 0, failed: 1 },
    { target: 'typo:/srv', queued: 2, failed: 1 },
  ]);

  const answer = await forget(base, 'typo:/srv', '--yes');
  expect(JSON.parse(answer.stdout)).toEqual({ channel: 'new_files', base, target: 'typo:/srv', freed: 2 });
  expect(await status(redis)).toMatchObject([{ target: 'cdn1:/srv', queued: 0, failed: 1 }]);
  expect((await topicStatus(redis, 'new_files')).subscribers).toMatchObject([
    { name: `sync:${base}>cdn1:/srv` },
  ]);

  expect((await forget(base, 'cdn1:/srv', '--yes')).code).toBe(0);
  expect(await status(redis)).toEqual([]);
  expect(await redis.exists('sync:new_files', 'sync-failed:new_files', `lock:sync:${base}>typo:/srv`)).toBe(
    0,
  );
  expect(await redis.zscore('quarterdeck:sync', 'new_files')).toBeNull();
});

test('its folder may be gone, and its channel another', async () => {
  await served('/mnt/old', 'images');
  rmSync(base, { recursive: true });
  expect(errorOf(await forget(base, '/mnt/old', '--yes'))).toMatchObject({ code: 'NO_TARGET' });
  const answer = await forget(base, '/mnt/old', '--channel', 'images', '--yes');
  expect(JSON.parse(answer.stdout)).toMatchObject({ channel: 'images', base });
});

test('the record of another folder that copies to the same target is not touched', async () => {
  const redis = server.client();
  await served('cdn1:/srv');
  await writeRecord(redis, 'new_files', 'cdn1:/srv', unused('/somewhere/else'));
  expect((await forget(base, 'cdn1:/srv', '--yes')).code).toBe(0);
  expect(await status(redis)).toMatchObject([{ base: '/somewhere/else', failed: 1 }]);
});

test('it is asked for, and a target that nobody knows is refused', async () => {
  await served('cdn1:/srv');
  const unasked = await forget(base, 'cdn1:/srv');
  expect(unasked.code).toBe(2);
  expect(errorOf(unasked).message).toContain('Not confirmed: `sync forget`');
  mkdirSync(path.join(base, 'sub'));
  const unknown = await forget(path.join(base, 'sub'), 'cdn1:/srv', '--yes');
  expect(unknown.code).toBe(4);
  expect(errorOf(unknown)).toEqual({
    code: 'NO_TARGET',
    message: `Nothing is known of a target cdn1:/srv of ${base}/sub on channel new_files`,
    hint: expect.stringContaining('sync status'),
  });
  expect(await status(server.client())).toHaveLength(1);
});
