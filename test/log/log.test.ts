import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { UsageError, WrongTypeError } from '../../source/errors.ts';
import {
  joinLogName,
  type LogName,
  logKeys,
  logName,
  logNameMistake,
  parseLogName,
  severityMistake,
  severityName,
} from '../../source/features/log/keys.ts';
import { common, mostDistinct, recent, writeBatch } from '../../source/features/log/log.ts';
import { parseLine, recentLine } from '../../source/features/log/recent-line.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
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
const count = (counts: Record<string, number>, clock = noon, distinct = mostDistinct) =>
  writeBatch(redis, logKeys(redis, web), next(), batchOf(counts, clock), { clock, distinct });
const scores = (key: string) => scoresOf(redis, key);
const sentBytes = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);

test('counts by the hour under the names of Redis in Action', async () => {
  expect(await count({ 'timed out': 3, reset: 1 })).toEqual({
    state: 'written',
    hour: '2026-11-25T12:00:00',
    distinct: 2,
    learned: 0,
  });
  expect(await scores('common:web:error')).toEqual({ 'timed out': 3, reset: 1 });
  expect(await redis.get('common:web:error:start')).toBe('2026-11-25T12:00:00');
  expect(await redis.lrange('recent:web:error', 0, -1)).toEqual([
    recentLine(noon * 1000, 'reset'),
    recentLine(noon * 1000, 'timed out'),
  ]);
});

test('rotates when the hour is over, and compares with the hour before', async () => {
  await count({ a: 9, b: 5, c: 1 });
  await count({ b: 7, d: 2 }, noon + hour);
  expect(await redis.get('common:web:error:pstart')).toBe('2026-11-25T12:00:00');
  expect(await scores('common:web:error:last')).toEqual({ a: 9, b: 5, c: 1 });
  expect(await common(redis, web, { clock: noon + hour })).toEqual({
    ...web,
    hour: '2026-11-25T13:00:00',
    previousHour: '2026-11-25T12:00:00',
    elapsed: 0.5,
    total: 9,
    distinct: 2,
    previousTotal: 15,
    entries: [
      { message: 'b', count: 7, previous: 5, rank: 1, previousRank: 2, sample: 'b' },
      { message: 'd', count: 2, previous: 0, rank: 2, previousRank: null, sample: 'd' },
    ],
    gone: [
      { message: 'a', previous: 9 },
      { message: 'c', previous: 1 },
    ],
  });
});

test('the last hour is the previous one only if it is', async () => {
  await count({ a: 1 });
  await count({ b: 1 }, noon + 2 * hour);
  expect(await scores('common:web:error:last')).toEqual({ a: 1 });
  const found = await common(redis, web, { clock: noon + 2 * hour });
  expect(found).toMatchObject({ previousHour: null, previousTotal: 0, gone: [] });
  expect(found.entries[0]).toMatchObject({ message: 'b', previous: 0, previousRank: null });
});

test.each([
  [1, '2026-11-25T12:00:00', [{ message: 'a', previous: 4 }]],
  [2, null, []],
  [30, null, []],
])(
  'a log that has been quiet for %i hours shows an empty hour, and reading writes nothing',
  async (hours, previous, gone) => {
    await count({ a: 4 });
    const clock = noon + hours * hour;
    const before = await redis.dump('common:web:error');
    const seen = await common(redis, web, { clock });
    expect(seen).toMatchObject({ total: 0, distinct: 0, entries: [], previousHour: previous, gone });
    expect(seen.hour).toBe(new Date(clock * 1000).toISOString().slice(0, 13).concat(':00:00'));
    expect(await redis.exists('common:web:error:last')).toBe(0);
    expect(await redis.get('common:web:error:start')).toBe('2026-11-25T12:00:00');
    expect(await redis.dump('common:web:error')).toEqual(before);
    // The next writer rotates, and what was seen is what it was.
    await count({ b: 1 }, clock);
    expect(await common(redis, web, { clock })).toMatchObject({
      hour: seen.hour,
      previousHour: previous,
      gone,
      total: 1,
    });
  },
);

test('after a look in a quiet hour a program that follows Redis in Action rotates as if nobody had looked', async () => {
  const other = server.client();
  await bookLogCommon(other, 'web', 'old', { severity: 'error', atMs: noon * 1000 });
  await common(redis, web, { clock: noon + hour });
  await bookLogCommon(other, 'web', 'new', { severity: 'error', atMs: (noon + 2 * hour) * 1000 });
  const found = await common(redis, web, { clock: noon + 2 * hour });
  expect(found).toMatchObject({ total: 1, hour: '2026-11-25T14:00:00', previousHour: null, gone: [] });
  expect(await scores('common:web:error:last')).toEqual({ old: 1 });
});

test('counts of no particular hour are not given one', async () => {
  await redis.zadd('common:web:error', 3, 'x');
  expect(await common(redis, web, { clock: noon })).toMatchObject({
    hour: null,
    previousHour: null,
    total: 3,
  });
  await redis.set('common:web:error:start', 'yesterday');
  expect(await common(redis, web, { clock: noon })).toMatchObject({ hour: null, total: 3 });
});

test('of what strangers made long only the beginning is read, and that is said', async () => {
  await redis.set('common:web:error:start', '2026-11-25T12:00:00');
  const long = `${'é'.repeat(1_000_000)} end`;
  await redis.zadd('common:web:error', 2, long, 1, 'short');
  await redis.hset('common:web:error:samples', { [long]: 'not sought', short: long });
  await redis.lpush(
    'recent:web:error',
    recentLine(noon * 1000, 'first'),
    recentLine(noon * 1000, long),
    'last',
  );
  const before = await sentBytes();
  const [first, second] = (await common(redis, web, { clock: noon, longest: 101 })).entries;
  // For a message of that length no sample is sought.
  const beginning = `${'é'.repeat(50)}… (1.9M, cut)`;
  expect(first).toMatchObject({ message: beginning, sample: beginning });
  expect(second).toMatchObject({ message: 'short', sample: '… (1.9M, cut)' });
  const lines = await recent(redis, web, 100, { longest: 100 });
  expect(lines.map(({ message }) => message.slice(-15))).toEqual([
    'last',
    expect.stringMatching(/^é+… \(1.9M, cut\)$/),
    'first',
  ]);
  expect((await sentBytes()) - before).toBeLessThan(20_000);
});

test('totals are right however the counts are spread', async () => {
  const counts = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(counts, async (all) => {
      await redis.flushall();
      await redis.set('common:web:error:start', '2026-11-25T12:00:00');
      for (const [id, count] of all.entries()) await redis.zadd('common:web:error', count, `m${id}`);
      const found = await common(redis, web, { clock: noon });
      expect(found).toMatchObject({
        total: all.reduce((sum, count) => sum + count, 0),
        distinct: all.length,
      });
    }),
    { numRuns: 30 },
  );
});

test('recent lines come whole, however many replies that takes', async () => {
  const line = (id: number) => `${id} ${'x'.repeat(50_000)}`;
  for (let id = 0; id < 300; id += 1) await redis.rpush('recent:web:error', line(id));
  const lines = await recent(redis, web, 1000);
  expect(lines.map(({ message }) => message)).toEqual(Array.from({ length: 300 }, (_, id) => line(id)));
});

test('a log nobody has written is empty', async () => {
  expect(await common(redis, web, { clock: noon })).toMatchObject({
    hour: '2026-11-25T12:00:00',
    previousHour: null,
    total: 0,
    entries: [],
  });
  expect(await recent(redis, web)).toEqual([]);
  expect(await redis.dbsize()).toBe(0);
});

test('hours are UTC hours of the civil calendar, from 1970 to 2099', async () => {
  const clocks = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) / 1000 - 1 });
  const edges = ['1972-02-29', '2000-02-29', '2000-03-01', '2024-12-31', '2026-10-25', '2099-12-31'];
  await fc.assert(
    fc.asyncProperty(clocks, async (clock) => {
      await redis.flushall();
      const expected = `${new Date(clock * 1000).toISOString().slice(0, 13)}:00:00`;
      expect(await count({ a: 1 }, clock)).toMatchObject({ hour: expected });
      await count({ a: 2 }, clock + hour);
      const found = await common(redis, web, { clock: clock + hour });
      expect(found).toMatchObject({ previousHour: expected, previousTotal: 1, total: 2 });
    }),
    { examples: edges.map((day) => [Date.parse(`${day}T23:59:59Z`) / 1000]) },
  );
});

test('the sum of all counts is what was written, however many distinct messages came', async () => {
  const batch = fc.dictionary(
    fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'),
    fc.integer({ min: 1, max: 9 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(batch, { maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      async (batches, cap) => {
        await redis.flushall();
        const truth = new Map<string, number>();
        for (const counts of batches) {
          await count(counts, noon, cap);
          for (const [message, times] of Object.entries(counts)) {
            truth.set(message, (truth.get(message) ?? 0) + times);
          }
        }
        const found = await scores('common:web:error');
        const written = [...truth.values()].reduce((total, times) => total + times, 0);
        expect(sumOf(found)).toBe(written);
        expect(Object.keys(found).length).toBe(Math.min(cap, truth.size));
        // Space-Saving: nothing heavy is missing, nothing counts less than it came, or too much by more than the lightest.
        const lightest = truth.size > cap ? Math.min(...Object.values(found)) : 0;
        for (const [message, times] of truth) {
          if (times > written / cap) expect(found).toHaveProperty(message);
          if (message in found) expect(found[message]).toBeGreaterThanOrEqual(times);
          if (message in found) expect(found[message]).toBeLessThanOrEqual(times + lightest);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('the recent list keeps the last hundred lines, newest first', async () => {
  for (let id = 0; id < 130; id += 1) await count({ [`line ${id}`]: 1 });
  const lines = await recent(redis, web);
  expect(lines).toHaveLength(100);
  expect(lines[0]).toEqual({ at: noon * 1000, message: 'line 129' });
  expect(await recent(redis, web, 2)).toHaveLength(2);
  expect(parseLine('no time at all')).toEqual({ at: null, message: 'no time at all' });
  expect(recentLine(new Date(2024, 5, 9, 1, 2, 3).getTime(), 'x')).toBe('Sun Jun  9 01:02:03 2024 x');
});

test('severities are named as Redis in Action names them', () => {
  expect([10, 20, '30', 40, 50, 25, 'Error', 'Audit'].map(severityName)).toEqual([
    'debug',
    'info',
    'warning',
    'error',
    'critical',
    '25',
    'error',
    'audit',
  ]);
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'a b', '🦊', 'x\0y'])(
  '%j is a name and a severity like any other',
  async (odd) => {
    const log = logName(odd, odd);
    expect(log).toEqual({ name: odd, severity: odd.toLowerCase() });
    expect(parseLogName(joinLogName(log))).toEqual(log);
    await writeBatch(redis, logKeys(redis, log), next(), batchOf({ x: 1 }, noon), { clock: noon });
    expect(await common(redis, log, { clock: noon })).toMatchObject({ ...log, total: 1 });
  },
);

test.each([
  ['', 'info'],
  ['\ud800', 'info'],
  ['x'.repeat(513), 'info'],
  ['web:guard', 'info'],
  ['web', ''],
  ['web', 'a:b'],
  ['web', '\udc00'],
  ['web', 'x'.repeat(1_000_000)],
  ['web:error', 'last'],
  ['web:error', 'LAST'],
  ...['start', 'pstart', 'samples', 'patterns', 'guard'].map((part) => ['web:error', part]),
  [undefined as unknown as string, 'info'],
  ['web', null as unknown as string],
])('a log cannot be called %j %j: writing and reading refuse it', async (name, severity) => {
  expect(() => logName(name, severity)).toThrow(UsageError);
  expect(() => new LogWriter(redis, name, { severity })).toThrow(UsageError);
  await expect(common(redis, { name, severity })).rejects.toThrow(UsageError);
  await expect(recent(redis, { name, severity })).rejects.toThrow(UsageError);
  expect(parseLogName(`${name}:${severity}`)).not.toEqual({ name, severity });
});

test('no two logs have a key in common', () => {
  const part = fc.constantFrom('a', 'b', 'start', 'last', 'guard', 'samples', ':', '{', '}', '__proto__');
  const text = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, text, text, (name, severity, otherName, otherSeverity) => {
      const logs = [
        [name, severity],
        [otherName, otherSeverity],
      ].flatMap(([name = '', severity = '']) =>
        (logNameMistake(name) ?? severityMistake(severity)) ? [] : [logName(name, severity)],
      );
      const [one, other] = logs;
      if (!one || !other || joinLogName(one) === joinLogName(other)) return;
      const keysOf = (log: LogName): string[] => {
        const { guard, ...keys } = logKeys(redis, log);
        return [...Object.values(keys), `${guard}0123456789ab`];
      };
      const shared = keysOf(one).filter((key) => keysOf(other).includes(key));
      expect(shared).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['common', 'zset'],
  ['start', 'string'],
  ['recent', 'list'],
  ['samples', 'hash'],
  ['patterns', 'list'],
] as const)('a key of another type under `%s` is refused before anything is written', async (part, type) => {
  const key = logKeys(redis, web)[part];
  await (type === 'string' ? redis.lpush(key, 'mine') : redis.set(key, 'mine'));
  const refused = count({ a: 1 });
  await expect(refused).rejects.toThrow(WrongTypeError);
  await expect(refused).rejects.toThrow(key);
  expect(await redis.dbsize()).toBe(1);
});

test('a batch that arrives twice counts once', async () => {
  const twice = server.client();
  const evaluate = twice.evalsha.bind(twice);
  Object.assign(twice, {
    async evalsha(...words: Parameters<typeof evaluate>) {
      await evaluate(...words);
      return await evaluate(...words);
    },
  });
  const send = () =>
    writeBatch(
      twice,
      logKeys(redis, web),
      next(),
      { counted: [{ message: 'a', count: 2, sample: '' }], lines: ['line'] },
      { clock: noon },
    );
  await send();
  for (let round = 0; round < 5; round += 1)
    expect(await send()).toMatchObject({ state: 'written', distinct: 1 });
  expect(await scores('common:web:error')).toEqual({ a: 12 });
  expect(await redis.llen('recent:web:error')).toBe(6);
});

test('what others add above the bound is inherited, not lost', async () => {
  for (let id = 0; id < 30; id += 1) await redis.zadd('common:web:error', id + 1, `theirs ${id}`);
  await redis.set('common:web:error:start', '2026-11-25T12:00:00');
  await count({ ours: 1 }, noon, 10);
  expect(await redis.zcard('common:web:error')).toBe(10);
  expect(sumOf(await scores('common:web:error'))).toBe((30 * 31) / 2 + 1);
});

test('very many that others added go a few thousand at a time, and the sum stays', async () => {
  const theirs = Array.from({ length: 7000 }, (_, id) => [id % 7, `theirs ${id}`]).flat();
  await redis.zadd('common:web:error', ...theirs);
  await redis.set('common:web:error:start', '2026-11-25T12:00:00');
  const total = sumOf(await scores('common:web:error'));
  await count({ ours: 1 }, noon, 100);
  expect(await redis.zcard('common:web:error')).toBe(2001);
  await count({ ours: 1 }, noon, 100);
  expect(await redis.zcard('common:web:error')).toBeLessThan(110);
  await count({ ours: 1 }, noon, 100);
  expect(await redis.zcard('common:web:error')).toBe(100);
  expect(sumOf(await scores('common:web:error'))).toBe(total + 3);
});

test('patterns that others made long or many stop no writer', async () => {
  const { patterns } = logKeys(redis, web);
  const names = Array.from({ length: 500 }, (_, id) => `${'abcdefghij'[id % 10]}${'k'.repeat(id / 10)} <*>`);
  await redis.rpush(patterns, 'x'.repeat(100_000), ...names);
  const writer = new LogWriter(redis, 'web', { severity: 'error' });
  writer.write('akk said');
  await writer.close();
  expect(Object.keys(await scores('common:web:error'))).toEqual(['akk <*>']);
  await redis.rpush(patterns, ...Array.from({ length: 4000 }, (_, id) => `q${id} <*>`));
  await using other = new LogWriter(redis, 'web', { severity: 'error' });
  other.write('akk said');
  await other.flush();
  expect(await redis.exists(patterns)).toBe(0);
});

test('samples go with the messages they belong to', async () => {
  const write = (message: string, sample: string, clock: number) =>
    writeBatch(
      redis,
      logKeys(redis, web),
      next(),
      { counted: [{ message, count: 1, sample }], lines: [] },
      { clock },
    );
  await write('job <*>', 'job 1', noon);
  await write('job <*>', 'job 2', noon);
  await write('user <*>', 'user 3', noon + hour);
  expect(await redis.hgetall('common:web:error:samples')).toEqual({
    'job <*>': 'job 1',
    'user <*>': 'user 3',
  });
  expect(await redis.ttl('common:web:error:samples')).toBeGreaterThan(6 * 24 * hour);
  await write('user <*>', '', noon + 2 * hour);
  expect(await redis.hgetall('common:web:error:samples')).toEqual({ 'user <*>': 'user 3' });
});
