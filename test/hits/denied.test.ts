import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, test } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import { Hits } from '../../source/features/hits/hits.ts';
import { overview } from '../../source/features/hits/read.ts';
import { seedSum } from '../../source/features/hits/read-seed.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Every command that the scripts of counters call, denied by ACL one at a time: a batch is in, or it is not. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 5000);
  await redis.flushall();
});

const commands = new Set(
  ['add', 'add-seed'].flatMap((script) => {
    const text = readFileSync(new URL(`../../source/features/hits/${script}.lua`, import.meta.url), 'utf8');
    return Array.from(text.matchAll(/redis\.p?call\('(\w+)'/g), ([, name = '']) => name);
  }),
);

let users = 0;
async function userWithout(command: string): Promise<Redis> {
  users += 1;
  const username = `user${users}`;
  await redis.call('ACL', 'SETUSER', username, 'on', '>pw', '~*', '+@all', `-${command}`);
  return server.client({ username, password: 'pw' });
}

const layouts = ['own', 'seed'] as const;
const totalOf = async (layout: (typeof layouts)[number]): Promise<number | undefined> =>
  layout === 'own'
    ? (await overview(redis, ['web']))[0]?.lastHour
    : (await seedSum(redis, 'web', 60_000)).sum;

describe.each([...commands])('without %s', (command) => {
  test.each(layouts)('counts once or not at all: %s', async (layout) => {
    const before = new Hits(redis, { layout });
    before.add('web', 100);
    await before.close();
    const user = await userWithout(command);
    const hits = new Hits(user, { layout });
    hits.add('web', 3);
    const failure = await hits.flush().catch((error: unknown) => error);
    if (failure) expect(failure).toBeInstanceOf(DeniedError);
    expect(await totalOf(layout)).toBe(failure ? 100 : 103);
    // What failed goes out with the next flush, by whoever may.
    await redis.call('ACL', 'SETUSER', `user${users}`, '+@all');
    await hits.close();
    expect(await totalOf(layout)).toBe(103);
    for (const key of await redis.keys('*')) {
      if (key !== 'quarterdeck:hits') expect(await redis.pttl(key), key).not.toBe(-1);
    }
  });
});

test.each(layouts)('what another program left in the way counts nothing and is named: %s', async (layout) => {
  const hits = new Hits(redis, { layout });
  hits.add('web', 3);
  await hits.flush();
  const keys = (await redis.keys('*')).filter((key) => !/writers|quarterdeck/.test(key));
  for (const key of keys) {
    if (layout === 'seed') await redis.set(key, 'no number');
    else for (const field of await redis.hkeys(key)) await redis.hset(key, field, 'no number');
    hits.add('web', 4);
    await expect(hits.flush()).rejects.toThrow(key);
    if (layout === 'seed') await redis.set(key, 3, 'PX', 60_000);
    else for (const field of await redis.hkeys(key)) await redis.hset(key, field, 3);
    await hits.flush();
    if (layout === 'seed') await redis.set(key, 3, 'PX', 60_000);
    else
      for (const other of keys)
        for (const field of await redis.hkeys(other)) await redis.hset(other, field, 3);
    expect(await totalOf(layout)).toBe(3);
  }
});
