import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, test } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import { type LogName, logKeys } from '../../source/features/log/keys.ts';
import { type Batch, common, recent, writeBatch } from '../../source/features/log/log.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { scoresOf, sumOf } from './counts.ts';

/**
 * Every command that the script of writers calls, denied by ACL one at a time: a batch is in or it is not, and its
 * error named which.
 */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const text = readFileSync(new URL('../../source/features/log/write.lua', import.meta.url), 'utf8');
const commands = new Set(
  Array.from(text.matchAll(/(?:redis\.p?call|denial)\(\s*'(\w+)'/g), ([, name = '']) => name),
);

const web: LogName = { name: 'web', severity: 'error' };
const keys = logKeys(redis, web);
const noon = Date.UTC(2026, 10, 25, 12, 30) / 1000;
const before: Batch = {
  counted: ['user ann left', 'user bob left', 'disk full'].map((message) => ({
    message,
    count: 5,
    sample: 'x',
  })),
  lines: ['one', 'two'],
  patterns: { known: [], learned: [] },
};
const batch: Batch = {
  counted: [
    { message: 'user <*> left', count: 2, sample: 'user eve left' },
    { message: 'brand new', count: 1, sample: '' },
  ],
  lines: ['three'],
  patterns: { known: [], learned: ['user <*> left'] },
};

async function keyspace(): Promise<unknown> {
  const parts = [keys.common, keys.last, keys.start, keys.pstart, keys.recent, keys.samples, keys.patterns];
  return await Promise.all(parts.map(async (key) => (await redis.dumpBuffer(key))?.toString('base64')));
}

let users = 0;
async function userWithout(command: string): Promise<Redis> {
  users += 1;
  const username = `user${users}`;
  await redis.call('ACL', 'SETUSER', username, 'on', '>pw', '~*', '+@all', `-${command}`);
  return server.client({ username, password: 'pw' });
}

const cases = [
  ['in the same hour', noon, 10_000],
  ['when the hour is over', noon + 3600, 10_000],
  ['when there is no room', noon, 3],
] as const;

describe.each([...commands])('without %s', (command) => {
  test.each(cases)('a batch is in or not, %s', async (_, clock, distinct) => {
    const user = await userWithout(command);
    await writeBatch(redis, keys, { lane: 'a', number: 1 }, before, { clock: noon });
    const untouched = await keyspace();
    const send = (client: Redis) =>
      writeBatch(client, keys, { lane: 'b', number: 1 }, batch, { clock, distinct });
    const answer = await send(user).catch((error: unknown) => error);
    if (answer instanceof DeniedError) {
      expect(await keyspace()).toEqual(untouched);
    } else {
      expect(answer).toMatchObject({ state: 'written' });
    }
    // Sent again, by whoever may: once.
    await send(redis);
    const found = [
      ...Object.values(await scoresOf(redis, keys.common)),
      ...Object.values(await scoresOf(redis, keys.last)),
    ];
    expect(found.reduce((sum, count) => sum + count, 0)).toBe(15 + 3);
    expect((await recent(redis, web)).map(({ message }) => message)).toEqual(['three', 'two', 'one']);
    const read = await common(redis, web, { clock });
    expect(read.total + read.previousTotal).toBe(sumOf({ before: 15, batch: 3 }));
  });
});
