import { beforeEach, expect, test } from 'vitest';
import { registerAll, registeredCount, unregister } from '../../source/redis/registry.ts';
import { IndexRound } from '../../source/redis/round.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const names = (count: number, prefix = 'n'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

const open = () => new IndexRound<string[]>(redis, 'lock', () => []);

/** A reading as feeds do it; what the last finished round counted. */
async function reading(round: IndexRound<string[]>, most = 100): Promise<string[] | undefined> {
  const last = round.last(await registeredCount(redis, 'lock'));
  await round.step(most, async (some, totals) => void totals.push(...some));
  return last;
}

async function readings(round: IndexRound<string[]>, most = 100): Promise<string[]> {
  for (let count = 0; count < 1000; count += 1) {
    const last = await reading(round, most);
    if (last) return last;
  }
  throw new Error('No round was finished');
}

test('a round meets every name once, a part in each reading', async () => {
  await registerAll(redis, 'lock', names(1050));
  expect((await readings(open())).sort()).toEqual(names(1050).sort());
});

test('what was seen before a flush is not counted with what came after it', async () => {
  const round = open();
  await registerAll(redis, 'lock', names(1050));
  for (let count = 0; count < 5; count += 1) await reading(round);
  await redis.flushall();
  await registerAll(redis, 'lock', names(150, 'after'));
  expect((await readings(round)).sort()).toEqual(names(150, 'after').sort());
});

test('what a finished round counted is not shown after a flush', async () => {
  const round = open();
  await registerAll(redis, 'lock', names(1050));
  await readings(round);
  await redis.flushall();
  await registerAll(redis, 'lock', names(150, 'after'));
  expect(await reading(round)).toBeUndefined();
  expect((await readings(round)).sort()).toEqual(names(150, 'after').sort());
});

test('where most names come and go all the time, rounds are finished all the same', async () => {
  const round = open();
  const [kept, passing] = [names(300), names(900, 'passing')];
  await registerAll(redis, 'lock', kept);
  let finished = 0;
  for (let count = 0; count < 60; count += 1) {
    if (count % 2 === 0) await registerAll(redis, 'lock', passing);
    else await unregister(redis, 'lock', ...passing);
    await round.step(100, async (some, totals) => void totals.push(...some));
    const last = round.last(await registeredCount(redis, 'lock'));
    if (!last) continue;
    finished += 1;
    // Of those that were there all the while none is passed over.
    expect(last).toEqual(expect.arrayContaining(kept));
  }
  expect(finished).toBeGreaterThan(0);
});
