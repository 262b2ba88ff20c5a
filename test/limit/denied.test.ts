import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, test } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import { hitAll } from '../../source/features/limit/check/hit-all.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { list } from '../../source/features/limit/list.ts';
import type { Algorithm } from '../../source/features/limit/rules.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Every command that the scripts of limits call, denied by ACL one at a time: a hit is spent, or it is not. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const commandsOf = (script: string): string[] => {
  const text = readFileSync(new URL(`../../source/features/limit/${script}.lua`, import.meta.url), 'utf8');
  return Array.from(text.matchAll(/(?:redis\.p?call|call)\('(\w+)'/g), ([, name = '']) => name);
};

let users = 0;
async function userWithout(command: string): Promise<Redis> {
  users += 1;
  const username = `user${users}`;
  const rules = command === 'nothing' ? [] : [`-${command}`];
  await redis.call('ACL', 'SETUSER', username, 'on', '>pw', '~*', '+@all', ...rules);
  return server.client({ username, password: 'pw' });
}

/** Those of other tests may be noted meanwhile. */
const noted = async () => (await list(redis)).limits.filter(({ subject }) => subject === 's');

const day = 86_400_000;
const left = async (algorithm: Algorithm, subject: string): Promise<number> =>
  (await new Limiter(redis, { algorithm, max: 100, perMs: day }).peek(subject)).remaining;

describe.each([...new Set(commandsOf('check/hit'))])('without %s', (command) => {
  test.each(['fixed', 'sliding', 'gcra'] as const)('a hit spends or fails: %s', async (algorithm) => {
    const user = await userWithout(command);
    for (const before of [0, 10]) {
      const subject = `s${before}`;
      const rule = { algorithm, max: 100, perMs: day };
      if (before > 0) await new Limiter(redis, rule).hit(subject, before);
      const verdict = await new Limiter(user, rule).hit(subject, 3).catch((error: unknown) => error);
      const isDenied = verdict instanceof DeniedError;
      if (!isDenied) expect(verdict).toMatchObject({ allowed: true });
      expect(await left(algorithm, subject)).toBe(100 - before - (isDenied ? 0 : 3));
      const refused = await new Limiter(user, rule).hit(subject, 99).catch((error: unknown) => error);
      if (!(refused instanceof DeniedError))
        expect(refused).toMatchObject({ allowed: before + (isDenied ? 0 : 3) < 2 });
      for (const key of await redis.keys(`limit:${subject}:*`))
        expect(await redis.pttl(key), key).not.toBe(-1);
    }
  });

  test('several limits are spent from together or not at all', async () => {
    const user = await userWithout(command);
    const algorithms = ['fixed', 'sliding', 'gcra'] as const;
    const orders = [algorithms, algorithms.toReversed(), ['gcra', 'fixed', 'sliding'] as const];
    for (const [round, order] of orders.entries()) {
      const demands = order.map((algorithm) => ({
        algorithm,
        subject: `r${round}`,
        max: 100,
        perMs: day,
        cost: 5,
      }));
      for (const before of [0, 5]) {
        if (before > 0) await hitAll(redis, demands);
        const untouched = await Promise.all(algorithms.map((algorithm) => left(algorithm, `r${round}`)));
        const verdict = await hitAll(user, demands).catch((error: unknown) => error);
        const spent = verdict instanceof DeniedError ? 0 : 5;
        if (spent > 0) expect(verdict).toMatchObject({ allowed: true });
        expect(await Promise.all(algorithms.map((algorithm) => left(algorithm, `r${round}`)))).toEqual(
          untouched.map((remaining) => remaining - spent),
        );
      }
    }
  });
});

describe.each([...new Set(commandsOf('usage-index'))])('without %s', (command) => {
  test('refusals are noted once', async () => {
    const user = await userWithout('nothing');
    const limiter = new Limiter(user, { max: 1, perMs: day }, { localDeny: false });
    await Promise.all([1, 2, 3, 4].map(() => limiter.hit('s')));
    await redis.call('ACL', 'SETUSER', `user${users}`, `-${command}`);
    const closed = await limiter.close().catch((error: unknown) => error);
    if (closed) expect(closed).toBeInstanceOf(DeniedError);
    else expect(await noted()).toMatchObject([{ limit: 1, denied: 3 }]);
    await redis.call('ACL', 'SETUSER', `user${users}`, '+@all');
    await limiter.close();
    expect(await noted()).toMatchObject([{ limit: 1, denied: 3 }]);
  });
});
