import { beforeEach, expect, test } from 'vitest';
import { type LogName, logKeys } from '../../source/features/log/keys.ts';
import { common, writeBatch } from '../../source/features/log/log.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { bookLogCommon } from './book.ts';
import { batchOf, scoresOf, sumOf } from './counts.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const web: LogName = { name: 'web', severity: 'error' };
const noon = Date.UTC(2026, 10, 25, 12, 30) / 1000;
const hour = 3600;

let number = 0;
const next = () => {
  number += 1;
  return { lane: 'test', number };
};
const count = (counts: Record<string, number>, clock = noon) =>
  writeBatch(redis, logKeys(redis, web), next(), batchOf(counts, clock), { clock });
const scores = (key: string) => scoresOf(redis, key);

test('programs that follow the book count beside us, and rotation is understood from either side', async () => {
  const python = server.client();
  const options = { severity: 'error', atMs: noon * 1000 };
  for (let round = 0; round < 10; round += 1) {
    await bookLogCommon(python, 'web', 'timed out', options);
    await count({ 'timed out': 1, reset: 1 });
  }
  expect(await scores('common:web:error')).toEqual({ 'timed out': 20, reset: 10 });
  expect(await redis.llen('recent:web:error')).toBe(30);

  // They rotate, we write on.
  await bookLogCommon(python, 'web', 'timed out', { ...options, atMs: (noon + hour) * 1000 });
  await count({ 'timed out': 1 }, noon + hour);
  expect(await common(redis, web, { clock: noon + hour })).toMatchObject({
    hour: '2026-11-25T13:00:00',
    previousHour: '2026-11-25T12:00:00',
    total: 2,
    previousTotal: 30,
  });

  // We rotate, they write on.
  await count({ reset: 1 }, noon + 2 * hour);
  await bookLogCommon(python, 'web', 'reset', { ...options, atMs: (noon + 2 * hour) * 1000 });
  expect(await scores('common:web:error')).toEqual({ reset: 2 });
  expect(await scores('common:web:error:last')).toEqual({ 'timed out': 2 });
  expect(await redis.get('common:web:error:pstart')).toBe('2026-11-25T13:00:00');
});

test('writers of both kinds at once lose nothing', async () => {
  const pythons = Array.from({ length: 3 }, () => server.client());
  await Promise.all([
    ...pythons.map(async (python) => {
      for (let round = 0; round < 60; round += 1) {
        await bookLogCommon(python, 'web', `m${round % 5}`, { severity: 'error', atMs: noon * 1000 });
      }
    }),
    ...[0, 1, 2].map(async () => {
      for (let round = 0; round < 60; round += 1) await count({ [`m${round % 7}`]: 2 });
    }),
  ]);
  expect(sumOf(await scores('common:web:error'))).toBe(3 * 60 + 3 * 60 * 2);
});
