import { beforeEach, expect, test } from 'vitest';
import {
  allotment,
  aroundCost,
  contentBytes,
  recordCost,
  stringCost,
} from '../../source/features/ship/channel/cost.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const usage = async (key: string) => Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'));

test.each([0, 1, 40, 44, 45, 100, 1000, 4096, 65_536, 131_072, 1_000_000, 4_194_288, 4_194_304, 9_000_000])(
  'a string of %i bytes costs no more than promised, and little less',
  async (bytes) => {
    const key = `logs:${'n'.repeat(bytes % 200)}`;
    if (bytes === 0) await redis.set(key, '');
    else await redis.setrange(key, bytes - 1, 'x');
    const real = await usage(key);
    const promised = stringCost(bytes, key.length);
    expect(real).toBeLessThanOrEqual(promised);
    expect(promised - real).toBeLessThan(400 + bytes * 0.01);
  },
);

test('a part of a round size needs no larger allocation than that', async () => {
  const bytes = contentBytes(4 * 1024 ** 2);
  await redis.setrange('part', bytes - 1, 'x');
  expect(await usage('part')).toBeLessThan(4 * 1024 ** 2 + 200);
});

test('what surrounds parts costs no more than promised', async () => {
  const count = 3000;
  const name = (index: number) => `some/directory/with a name/app-${index}.log`;
  const entry = JSON.stringify({
    file: name(0),
    generation: 'x'.repeat(16),
    at: 123_456_789,
    bytes: 4_194_288,
  });
  const grown = entry + 'y'.repeat(100);
  const record = 'r'.repeat(300);
  for (let index = 0; index < count; index += 1) {
    const message = JSON.stringify({
      id: index,
      ts: 1_795_187_586.8521,
      sender: 'source',
      message: name(index),
    });
    await redis
      .pipeline()
      .hset('parts', name(index), grown)
      .zadd('messages', index, message)
      .set(`logs:${name(index)}:done`, 2)
      .hset('files', name(index), record)
      .exec();
  }
  const nameBytes = name(count).length;
  const around = aroundCost(nameBytes, entry.length, nameBytes + 5, 3);
  const counter = await usage(`logs:${name(count - 1)}:done`);
  const spent = (await usage('parts')) + (await usage('messages')) + count * counter;
  expect(spent).toBeLessThanOrEqual(count * around);
  expect(await usage('files')).toBeLessThanOrEqual(count * recordCost(nameBytes, record.length));
});

test('what is kept free leaves most of the budget to the parts', () => {
  const partBytes = 4 * 1024 ** 2;
  const large = allotment({ budgetBytes: 64 * 1024 ** 2, partBytes, consumers: 3 });
  expect(large.base + large.each).toBeLessThan(0.09 * 64 * 1024 ** 2);
  const small = allotment({ budgetBytes: 16 * 1024 ** 2, partBytes, consumers: 3 });
  expect(16 * 1024 ** 2 - small.base - small.each).toBeGreaterThan(3 * small.least);
});
