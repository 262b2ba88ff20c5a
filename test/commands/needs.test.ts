import { afterEach, describe, expect, test } from 'vitest';
import { writeAck } from '../../source/commands/needs/acks.ts';
import { type FoundNeed, makeRegistry, type RegistryInput } from '../../source/commands/needs/needs.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import type { Ack } from '../../source/need.ts';
import { runHere } from '../helpers/batch.ts';
import { makeFeature } from '../helpers/feature.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
afterEach(() => redis.flushall());

const dead: FoundNeed = {
  feature: 'notes',
  kind: 'dead',
  name: 'one',
  row: 'one',
  severity: 'bad',
  words: 'DEAD',
  figure: 10,
};
const ack: Ack = { by: 'ada', note: 'mine', atMs: 1000, untilMs: 9000, severity: 'bad', figure: 10 };

function opened(
  own: readonly FoundNeed[],
  change: Partial<RegistryInput> = {},
  rules: never[] | object[] = [],
  total?: number,
) {
  const features = [makeFeature(total === undefined ? {} : { total })];
  const slices = { notes: features[0]?.initial({} as never) };
  const input = { features, slices, nowMs: 2000, acks: new Map(), own, ...change };
  return makeRegistry(rules as never, features).open(input);
}

describe('the registry', () => {
  test('those nobody is on come first, bad before warn, then the oldest', () => {
    const needs = opened(
      [
        { ...dead, name: 'acked' },
        { ...dead, name: 'warn', severity: 'warn' },
        { ...dead, name: 'unknown' },
        { ...dead, name: 'young', sinceMs: 1500 },
        { ...dead, name: 'old', sinceMs: 10 },
      ],
      { acks: new Map([['notes.dead acked', ack]]) },
    );
    expect(needs.map(({ name }) => name)).toEqual(['old', 'young', 'unknown', 'warn', 'acked']);
    expect(needs.at(-1)?.ack).toEqual(ack);
  });

  test.each([
    ['holds', {}, {}, true],
    ['ends by time', {}, { untilMs: 1999 }, false],
    ['falls when the figure doubles', { figure: 20 }, {}, false],
    ['holds while it only grows', { figure: 19 }, {}, true],
    ['falls from warn to bad', {}, { severity: 'warn' }, false],
    ['falls when the need began later', { sinceMs: 1_000_000 }, { untilMs: 9_000_000 }, false],
  ])('an acknowledgement %s', (_, need, change, holds) => {
    const acks = new Map([['notes.dead one', { ...ack, ...change } as Ack]]);
    expect(opened([{ ...dead, ...need }], { acks })[0]?.ack !== undefined).toBe(holds);
  });

  test('since when is said only where somebody knows it', () => {
    const features = [makeFeature()];
    const registry = makeRegistry([], features);
    const input = { features, slices: { notes: features[0]?.initial({} as never) }, acks: new Map() };
    expect(registry.open({ ...input, nowMs: 1, own: [dead] })[0]?.sinceMs).toBeUndefined();
    const two = registry.open({ ...input, nowMs: 2, own: [dead, { ...dead, name: 'two' }] });
    expect(two.map(({ name, sinceMs }) => [name, sinceMs])).toEqual([
      ['two', 2],
      ['one', undefined],
    ]);
  });

  test('the config adds needs, takes some away, and its mistakes are named', () => {
    const rule = { if: 'notes.length >= 5', severity: 'warn' };
    expect(opened([], {}, [rule]).map(({ id }) => id)).toEqual(['notes.length>=5 three']);
    expect(opened([], {}, [{ ...rule, for: 1000 }])).toEqual([]);
    // What was not read is not passed over in silence.
    expect(opened([], {}, [rule], 1500).map(({ id, words }) => [id, words])).toEqual([
      ['notes.length>=5 three', 'length 5 >= 5'],
      ['notes.partial rule notes.length >= 5', 'is known of 3 of 1,500 rows only'],
    ]);
    expect(() => opened([], {}, [{ if: 'notes.size > 1', severity: 'bad' }])).toThrow(
      /about nothing there is/,
    );
  });
});

test('needs, ack and unack, as scripts see them', async () => {
  await redis.set('lock:migrate', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'migrate');
  const held = await acquire(redis, 'fine', { ttlMs: 60_000 });
  expect(held).toBeDefined();
  const run = (...words: string[]) => runHere([...words], { url: server.url });

  const first = await run('needs', '--json');
  expect(first.code).toBe(0);
  expect(JSON.parse(first.stdout)).toEqual([
    {
      id: 'lock.noTtl migrate',
      feature: 'lock',
      name: 'migrate',
      severity: 'warn',
      words: 'no TTL',
      sinceMs: expect.any(Number),
      acked: null,
      kind: 'noTtl',
    },
  ]);
  const acked = await run(
    'ack',
    'lock.noTtl migrate',
    '--note',
    'until noon',
    '--for',
    '1h',
    '--operator',
    'ada',
  );
  expect(acked.stdout).toMatch(/^migrate is yours until \d\d:\d\d$/m);
  const [need] = JSON.parse((await run('needs', '--json')).stdout) as { acked: object }[];
  expect(need?.acked).toMatchObject({ by: 'ada', note: 'until noon' });
  expect((await run('needs')).stdout).toMatch(/acked +lock +migrate +no TTL .*ada: until noon/);
  expect((await run('unack', 'lock.noTtl migrate')).code).toBe(0);
  expect((await run('unack', 'lock.noTtl migrate')).code).toBe(1);
  const unknown = await run('ack', 'lock.noTtl migrat');
  expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringContaining('migrate')]);
});

test('what is bad is an answer of no, and --fail-if sees it', async () => {
  await redis.hset('lock:not-a-lock', 'a', 1);
  await redis.zadd('quarterdeck:lock', Date.now(), 'not-a-lock');
  const needs = await runHere(['needs', '--json'], { url: server.url });
  expect(needs.code).toBe(1);
  expect(JSON.parse(needs.stdout)).toMatchObject([{ kind: 'unreadable', severity: 'bad' }]);
  const found = await runHere(['snapshot', '--json', '--fail-if', 'needs.bad > 0'], { url: server.url });
  expect(found.code).toBe(1);
  const none = await runHere(['snapshot', '--json', '--fail-if', 'needs.bad > 1'], { url: server.url });
  expect(JSON.parse(none.stdout)).toMatchObject({ needs: { bad: 1, warn: 0, acked: 0 } });
  const watched = await runHere(['watch', '--fail-if', 'needs.bad > 0'], { url: server.url });
  expect(watched.code).toBe(1);
});

describe('who is on what cannot be read', () => {
  const key = 'quarterdeck:acks';
  test.each([
    ['a key of another type', () => redis.set(key, 'x'), `Key \`${key}\``],
    [
      'more than people write',
      () => redis.hset(key, Object.fromEntries(Array.from({ length: 1001 }, (_, id) => [`x.y ${id}`, '{}']))),
      'holds 1001 acknowledgements',
    ],
  ])('%s: it is said, and what needs a human is listed all the same', async (_, spoil, words) => {
    await spoil();
    await redis.set('lock:migrate', 'somebody');
    await redis.zadd('quarterdeck:lock', Date.now(), 'migrate');
    const { code, stdout } = await runHere(['needs', '--json'], { url: server.url });
    const needs = JSON.parse(stdout) as { id: string; words: string }[];
    expect(needs.find(({ id }) => id === `server.acks ${key}`)?.words).toContain(words);
    expect(needs.map(({ id }) => id)).toContain('lock.noTtl migrate');
    expect(code).toBe(0);
    const frame = await runHere(['snapshot', '--pane', 'lock'], { url: server.url });
    expect(frame.stdout).toContain('2 need you');
  });

  test('a note that is too long is refused, not cut', async () => {
    const note = 'x'.repeat(401);
    await expect(writeAck(redis, 'lock.noTtl a', { ...ack, note })).rejects.toMatchObject({
      code: 'ACK_TOO_LONG',
    });
    expect(await redis.exists(key)).toBe(0);
  });
});
