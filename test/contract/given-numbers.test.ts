import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { features } from '../../source/features/index.ts';
import {
  buffer,
  chat,
  hits,
  limit,
  lock,
  log,
  type Redis,
  ship,
  sync,
  topic,
  UsageError,
} from '../../source/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Numbers that people and programs give are taken as they are, or refused with a sentence: never rounded, never without a bound. */

const all = await Promise.all(Object.values(features).map((load) => load()));
const parameters = all.flatMap(({ noun, commands }) =>
  commands.flatMap(({ verb, words, flags }) =>
    [...Object.entries(words), ...Object.entries(flags)].map(([name, parameter]) => ({
      name: `${noun} ${verb} ${name}`,
      parameter,
    })),
  ),
);

const tooExact = ['9007199254740993', '18014398509481985', '99999999999999999999', '1e400', '9'.repeat(400)];
const units = ['', 'ms', 's', 'm', 'h', 'd', 'B', 'KiB', 'MiB', 'GiB', 'TiB', '%'];

function numbersIn(value: unknown): readonly number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

describe.each(parameters)('$name', ({ parameter }) => {
  const parse = (text: string): readonly number[] => {
    const given = parameter.kind === 'list' ? [text] : text;
    const parsed = v.safeParse(parameter.schema, given);
    return parsed.success ? numbersIn(parsed.output) : [];
  };

  test('takes no number that would be another one', () => {
    for (const digits of tooExact)
      for (const unit of units)
        for (const text of [`${digits}${unit}`, `${digits}/1s`, `1/${digits}${unit}`])
          for (const number of parse(text)) expect(number, text).toSatisfy(Number.isSafeInteger);
  });

  test('takes -0 as 0, or not at all', () => {
    for (const text of ['-0', '-0s', '-0B', '-0%'])
      for (const number of parse(text)) expect(Object.is(number, -0), text).toBe(false);
  });
});

const server = await redisForThisFile();
const redis: Redis = server.client();
const { signal } = new AbortController();

async function first(items: AsyncIterable<unknown>): Promise<unknown> {
  for await (const item of items) return item;
  return undefined;
}

/** Each option that counts or lasts, of the functions that take it; `Infinity` where it means without end. */
const options: readonly (readonly [name: string, call: (value: number) => unknown])[] = [
  ['buffer.open flushMs', (flushMs) => buffer.open(redis, { flushMs })],
  ['buffer.open maxIds', (maxIds) => buffer.open(redis, { maxIds })],
  [
    'buffer.run everyMs',
    (everyMs) => buffer.run(redis, 'b', { to: 'sqlite:/x', table: 'b' }, { everyMs, signal }),
  ],
  ['buffer.list limit', (most) => buffer.list(redis, { limit: most })],
  ['chat.read limit', (most) => chat.read(redis, 'r', { as: 'ann', limit: most })],
  ['chat.list limit', (most) => chat.list(redis, { limit: most })],
  ['hits.open flushMs', (flushMs) => hits.open(redis, { flushMs })],
  ['hits.open keepMs', (keepMs) => hits.open(redis, { keepMs })],
  ['limit.open timeoutMs', (timeoutMs) => limit.open(redis, { max: 1, perMs: 1000 }, { timeoutMs })],
  ['limit.open lease', (lease) => limit.open(redis, { max: 1, perMs: 1000 }, { lease })],
  ['limit.list limit', (most) => limit.list(redis, { limit: most })],
  ['limit.list skip', (skip) => limit.list(redis, { skip })],
  ['lock.acquire timeoutMs', (timeoutMs) => lock.acquire(redis, 'l', { timeoutMs })],
  ['lock.watch intervalMs', (intervalMs) => first(lock.watch(redis, { intervalMs }))],
  ['lock.list limit', (most) => lock.list(redis, { limit: most })],
  ['log.open flushMs', (flushMs) => log.open(redis, 'l', { flushMs })],
  ['log.common top', (top) => log.common(redis, 'l', { top })],
  ['log.recent limit', (most) => log.recent(redis, 'l', { limit: most })],
  ['ship.run consumers', (consumers) => ship.run(redis, 'c:', ['/x'], { consumers })],
  ['ship.run budgetBytes', (budgetBytes) => ship.run(redis, 'c:', ['/x'], { consumers: 1, budgetBytes })],
  ['ship.run partBytes', (partBytes) => ship.run(redis, 'c:', ['/x'], { consumers: 1, partBytes })],
  ['sync.run everyMs', (everyMs) => sync.run(redis, '/x', '/y', { everyMs, signal })],
  ['sync.run fullEveryMs', (fullEveryMs) => sync.run(redis, '/x', '/y', { fullEveryMs, signal })],
  ['topic.consume leaseMs', (leaseMs) => first(topic.consume(redis, 't', { as: 's', leaseMs }))],
  ['topic.subscribe retries', (retries) => topic.subscribe(redis, 't', { as: 's', retries }, () => {})],
  ['topic.subscribe aside', (aside) => topic.subscribe(redis, 't', { as: 's', aside }, () => {})],
];

/** Where it means without end. */
const endless = /^lock.acquire timeoutMs$|^topic.subscribe retries$/;

test.each(options)('%s is a whole number, or refused', async (name, call) => {
  const bad = [
    Number.NaN,
    -1,
    1.5,
    2 ** 53,
    Number.MAX_VALUE,
    ...(endless.test(name) ? [] : [Number.POSITIVE_INFINITY]),
  ];
  for (const value of bad) {
    const answer = await (async () => await call(value))().catch((error: unknown) => error);
    expect({ value, answer }).toEqual({ value, answer: expect.any(UsageError) });
  }
  expect(await server.client().dbsize()).toBe(0);
});

test.each([
  ['consumers', { consumers: 1001 }],
  ['consumers', { consumers: 100_000_000 }],
  ['partBytes', { consumers: 1, partBytes: 256 * 1024 ** 2 + 1 }],
])('what is as large as `%s` is refused before anything is made of it', async (name, given) => {
  await expect(ship.run(redis, 'c:', ['/x'], given)).rejects.toThrow(
    new RegExp(`\`${name}\` to be a whole number from`),
  );
});
