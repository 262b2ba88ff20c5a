import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Aside, asideParts, dropAside, retryAside } from '../../source/features/ship/channel/aside.ts';
import { look } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { OutDirectory } from '../../source/features/ship/consumer/out.ts';
import { doctor } from '../../source/features/ship/doctor.ts';
import { type ShipOptions, ship } from '../../source/features/ship/ship.ts';
import { ship as library } from '../../source/index.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { readLines, readTree, Scratch } from './harness.ts';

/** Parts that a consumer cannot take: set aside visibly, the others delivered, and taken again or given up later. */

let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const KiB = 1024;
const terms = { channel: 'logs:', consumers: 1, budgetBytes: 1024 * KiB, partBytes: 64 * KiB };
const shipping = (source: string, options: Partial<ShipOptions> = {}) =>
  ship(server.client(), [source], { ...terms, ...options });
const ran = (...words: string[]) => run(['ship', ...words], { url: server.url });
const at = (...steps: string[]) => path.join(scratch.path, ...steps);
const only = async (): Promise<Aside[]> => await asideParts(redis, 'logs:');

async function asideIn(channel: string): Promise<library.Aside[]> {
  const found: library.Aside[] = [];
  for await (const one of library.aside(redis, channel)) found.push(one);
  return found;
}

/** Consumes as `0`; what is refused of a part is why it is set aside. */
async function consuming(
  refuse: (part: string) => string | undefined,
  options: { asideLimit?: number; signal?: AbortSignal } = {},
): Promise<{ taken: string[]; reported: string[] }> {
  const taken: string[] = [];
  const reported: string[] = [];
  const parts = consume(server.client(), 'logs:', {
    as: '0',
    onAside: (text) => reported.push(text),
    ...options,
  });
  for await (const delivery of parts) {
    const reason = refuse(delivery.part);
    if (reason === undefined) taken.push(delivery.part);
    else delivery.setAside(reason);
  }
  return { taken, reported };
}

test('one that is refused holds up no other file; it is listed, counted, and taken again', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n', 'c.log': 'c\n' });
  const run = shipping(source);
  const { taken, reported } = await consuming((part) => (part === 'b.log' ? 'no such table' : undefined));
  expect(taken).toEqual(['a.log', 'c.log']);
  expect(reported).toEqual(['b.log is set aside: no such table']);
  expect(await only()).toMatchObject([
    { consumer: '0', part: 'b.log', file: 'b.log', bytes: 2, reason: 'no such table', tries: 1 },
  ]);
  expect(await look(redis, 'logs:')).toMatchObject({
    aside: 1,
    state: 'waiting',
    reason: 'consumer 0 has set 1 part aside',
    consumers: [{ id: '0', lag: 1, aside: 1, stalledMs: null }],
    parts: [{ part: 'b.log', state: 'aside', aside: ['0'] }],
  });
  expect(await doctor.examine(redis, ['ship:logs:'])).toMatchObject([
    { code: 'PARTS_ASIDE', message: expect.stringContaining('1 part of logs:') },
  ]);
  expect(await retryAside(redis, 'logs:', '0', ['b.log', 'x'])).toEqual({ retried: 1, unknown: ['x'] });
  expect(await readLines(server.client(), { as: '0' })).toEqual([['b.log', 'b']]);
  expect(await run).toMatchObject({ files: 3, bytes: 6 });
  expect(await only()).toEqual([]);
});

test('what follows of the same file waits behind it, in its order', async () => {
  const source = scratch.files('in', { 'a.log': 200 * KiB, 'b.log': 'b\n' });
  const run = shipping(source);
  const { taken } = await consuming((part) => (part === 'a.log~2' ? 'refused' : undefined));
  expect(taken).toEqual(['a.log~1', 'b.log']);
  const aside = await only();
  expect(aside.map(({ part }) => part)).toEqual(['a.log~2', 'a.log~3', 'a.log~4']);
  expect(aside[2]?.reason).toBe('behind a.log~2 of the same file');
  await retryAside(
    redis,
    'logs:',
    '0',
    aside.map(({ part }) => part),
  );
  const again = await consuming(() => undefined);
  expect(again.taken).toEqual(['a.log~2', 'a.log~3', 'a.log~4']);
  await run;
});

test('given up: it counts as finished, and is freed', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const run = shipping(source);
  await consuming(() => 'refused');
  const { dropped, freedBytes, unknown } = await dropAside(redis, 'logs:', '0', ['a.log', 'x']);
  expect({ dropped, unknown }).toEqual({ dropped: ['a.log'], unknown: ['x'] });
  expect(freedBytes).toBeGreaterThan(0);
  await run;
  expect(await redis.exists('logs:a.log', 'logs:a.log:done', 'ship-aside:logs:')).toBe(0);
});

test('no more than allowed: the next one ends the consumer and stays where it is', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n' });
  const run = shipping(source);
  await expect(consuming((part) => `no ${part}`, { asideLimit: 1 })).rejects.toMatchObject({
    code: 'SHIP_ASIDE_FULL',
    message: expect.stringContaining('no b.log'),
  });
  expect((await only()).map(({ part }) => part)).toEqual(['a.log']);
  await retryAside(redis, 'logs:', '0', ['a.log']);
  expect((await consuming(() => undefined)).taken).toEqual(['a.log', 'b.log']);
  await run;
});

test('a consumer that runs takes it again at once', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const ending = new AbortController();
  const run = shipping(source, { follow: true, signal: ending.signal });
  const refusals = ['first time', undefined];
  const stopping = new AbortController();
  const consumed = consuming(() => refusals.shift(), { signal: stopping.signal });
  await vi.waitFor(async () => expect(await only()).toHaveLength(1));
  await retryAside(redis, 'logs:', '0', ['a.log~1']);
  await vi.waitFor(async () => expect(await redis.hlen('ship-parts:logs:')).toBe(0));
  expect(await only()).toEqual([]);
  ending.abort();
  await run;
  stopping.abort(new Error('stopped'));
  await expect(consumed).rejects.toThrow('stopped');
});

test('forgotten with its consumer', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const run = shipping(source);
  await consuming(() => 'refused');
  expect((await ran('forget', 'logs:', '0', '--yes')).code).toBe(0);
  await run;
  expect(await only()).toEqual([]);
});

/** What a stranger may write over an entry of the ledger, and the reason it is set aside for. */
const impossible: Readonly<Record<string, readonly [change: object, reason: string]>> = {
  'negative.log': [{ at: -1 }, 'an offset is negative'],
  'fraction.log': [{ at: 1.5 }, 'an offset is no whole number'],
  'far.log': [{ at: 1e300 }, 'an offset is no whole number'],
  'large.log': [{ bytes: 1e15 }, 'it is longer than any string of Redis'],
  'nul.log': [{ file: 'a\0b' }, 'the name of its file holds a NUL'],
  'long.log': [{ file: 'x'.repeat(200_000) }, 'longer than one can be'],
};

test.each(['--out', '--exec'])('entries of the ledger that nobody can work with, %s', async (how) => {
  const names = [...Object.keys(impossible), 'whole.log'];
  const source = scratch.files('in', Object.fromEntries(names.map((name) => [name, `${name}\n`])));
  const run = shipping(source);
  await vi.waitFor(async () => expect(await redis.hlen('ship-parts:logs:')).toBe(names.length), 20_000);
  for (const [part, [change]] of Object.entries(impossible)) {
    const entry = JSON.parse((await redis.hget('ship-parts:logs:', part)) ?? '') as object;
    await redis.hset('ship-parts:logs:', part, JSON.stringify({ ...entry, ...change }));
  }
  const to = how === '--out' ? at('out') : `cat > ${at('printed')}`;
  const result = await ran('consume', 'logs:', '--as', '0', how, to, '--json');
  expect(errorOf(result)).toMatchObject({ code: 'SHIP_PARTS_ASIDE' });
  expect(result.code).toBe(4);
  if (how === '--out') expect(readTree(at('out'))).toEqual({ 'whole.log': 'whole.log\n' });
  else expect(readTree(scratch.path).printed).toBe('whole.log\n');
  const aside = (await only()).map(({ part, reason }) => [part, reason] as const);
  expect(new Map(aside)).toEqual(
    new Map(Object.entries(impossible).map(([part, [, why]]) => [part, expect.stringContaining(why)])),
  );
  await dropAside(redis, 'logs:', '0', Object.keys(impossible));
  await run;
});

test('the library lists what is aside, lets it be taken again, and gives it up', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n', 'c.log': 'c\n' });
  const run = shipping(source);
  await consuming((part) => (part === 'a.log' ? undefined : `no ${part}`));
  const listed = await asideIn('logs:');
  expect(listed).toMatchObject([
    { channel: 'logs:', consumer: '0', part: 'b.log', file: 'b.log', bytes: 2, reason: 'no b.log', tries: 1 },
    { part: 'c.log', reason: 'no c.log', isRetried: false, sinceAt: expect.any(Number) },
  ]);
  expect(await library.drop(redis, 'logs:', ['c.log', 'nosuch'], { consumer: '0' })).toEqual(['c.log']);
  expect(await library.drop(redis, 'logs:', ['c.log'], { consumer: '0' })).toEqual([]);
  expect(await library.retry(redis, 'logs:', ['nosuch'], { consumer: '0' })).toBe(0);
  expect(await library.retry(redis, 'logs:', 'all', { consumer: '1' })).toBe(0);
  expect(await library.retry(redis, 'logs:', 'all', { consumer: '0' })).toBe(1);
  expect(await asideIn('logs:')).toMatchObject([{ part: 'b.log', isRetried: true }]);
  const parts: string[] = [];
  for await (const { part } of library.consume(redis, 'logs:', { as: '0' })) parts.push(part);
  expect(parts).toEqual(['b.log']);
  expect(await run).toMatchObject({ parts: 3 });
  expect(await asideIn('nosuch:')).toEqual([]);

  await redis.set('ship-aside:other:', 'x');
  await expect(asideIn('other:')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  const signal = AbortSignal.abort(new Error('not now'));
  await expect(library.retry(redis, 'logs:', 'all', { consumer: '0', signal })).rejects.toThrow('not now');
});

test('the commands: a program that fails is tried again, then its part is set aside', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n' });
  const running = finished(
    start(['ship', 'run', source, '--channel', 'logs:', '--consumers', '1'], { url: server.url, stdin: '' }),
  );
  const command = '[ "$QUARTERDECK_FILE" != a.log ] && cat';
  const result = await ran('consume', 'logs:', '--as', '0', '--exec', command, '--retries', '1', '--json');
  expect(result.code).toBe(4);
  expect(errorOf(result).code).toBe('SHIP_PARTS_ASIDE');
  const listed = await ran('aside', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject([
    {
      channel: 'logs:',
      consumer: '0',
      part: 'a.log',
      tries: 2,
      reason: expect.stringContaining('exit code 1'),
    },
  ]);
  expect((await ran('retry', 'logs:', '0', '--all')).stdout).toBe('Consumer 0 of logs: takes 1 part again\n');
  const again = await ran('consume', 'logs:', '--as', '0', '--exec', command, '--retries', '0', '--json');
  expect(again.code).toBe(4);
  expect(await only()).toMatchObject([{ part: 'a.log', tries: 3 }]);
  expect((await ran('drop', 'logs:', '0', 'a.log', '--yes')).code).toBe(0);
  expect((await running).code).toBe(0);
  expect(errorOf(await ran('drop', 'logs:', '0', 'a.log', '--yes', '--json')).code).toBe('SHIP_NOT_ASIDE');
  expect(errorOf(await ran('aside', 'nosuch:', '--json')).code).toBe('SHIP_UNKNOWN');
});

const fifo = (place: string): void => void execFileSync('mkfifo', [place]);
test.each<[string, string, (place: string) => void]>([
  ['a link to a file', 'x.log', (place) => symlinkSync('../outside', place)],
  ['a link on its way', 'sub/x.log', (place) => symlinkSync('../elsewhere', path.dirname(place))],
  ['a folder', 'x.log', (place) => mkdirSync(place)],
  ['a pipe', 'x.log', fifo],
])('--out where %s stands: refused with a word, the others are rebuilt', async (_, name, put) => {
  const source = scratch.files('in', { [name]: 'bad\n', 'y.log': 'good\n' });
  scratch.files('out', {});
  scratch.files('elsewhere', {});
  put(at('out', name));
  const running = shipping(source, { recursive: true });
  const words = ['consume', 'logs:', '--as', '0', '--out', at('out'), '--json'];
  const result = await ran(...words);
  expect(errorOf(result)).toMatchObject({ code: 'SHIP_PARTS_ASIDE', message: expect.stringContaining(name) });
  expect(Object.values(readTree(scratch.path)).filter((text) => text === 'bad\n')).toHaveLength(1);
  expect(readTree(at('out'))['y.log']).toBe('good\n');
  rmSync(at('out', name === 'x.log' ? name : 'sub'), { recursive: true });
  await ran('retry', 'logs:', '0', '--all');
  expect((await ran(...words)).code).toBe(0);
  expect(readTree(at('out'))).toEqual(readTree(source));
  await running;
});

test('--out: what was removed meanwhile is not acknowledged', async () => {
  const source = scratch.files('in', { 'a.log': 200 * KiB });
  const ending = new AbortController();
  const run = shipping(source, { signal: ending.signal });
  const out = new OutDirectory(at('out'));
  const copying = async (): Promise<void> => {
    for await (const delivery of consume(server.client(), 'logs:', { as: '0' })) {
      if (delivery.part === 'a.log~2') rmSync(at('out'), { recursive: true });
      await out.write(delivery);
    }
  };
  await expect(copying()).rejects.toMatchObject({ code: 'SHIP_OUT_MOVED' });
  expect(await redis.hkeys('ship-parts:logs:')).toContain('a.log~2');
  ending.abort();
  await run;
});

test('a cursor that another program moved: what the ledger owes is delivered all the same', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n' });
  const run = shipping(source);
  await vi.waitFor(async () => expect(await redis.zcard('msgs:logs:')).toBe(3));
  const last = (await redis.get('ids:logs:')) ?? '';
  await redis.zadd('chat:logs:', last, '0');
  await redis.zadd('seen:0', last, 'logs:');
  expect(await readLines(server.client(), { as: '0' })).toEqual([
    ['a.log', 'a'],
    ['b.log', 'b'],
  ]);
  await run;
});

test('a record that is none hides no others, and is reported', async () => {
  const source = scratch.files('in', { 'a.log': 'one\n' });
  const shipped = shipping(source);
  await consuming(() => 'no such table');
  await redis.hset('ship-aside:logs:', 'nonsense', '{');
  const { code, stdout, stderr } = await ran('aside');
  expect([code, stdout.split('\n').filter((line) => line.includes('a.log'))]).toEqual([
    0,
    [expect.any(String)],
  ]);
  expect(stderr).toContain('1 record in `ship-aside:logs:` cannot be read');
  await dropAside(redis, 'logs:', '0', ['a.log']);
  await shipped;
});

const sentBytes = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);

/** Very many fields that are none of this consumer's. */
const addFields = (key: string, name: string, value: string): Promise<unknown> =>
  redis.eval(
    `local text = ARGV[2] .. string.rep('x', 1000)
    for i = 1, 8000 do redis.call('HSET', KEYS[1], ARGV[1] .. i, text) end`,
    1,
    key,
    name,
    value,
  );

/** Until its one file is announced; ended by what it returns. */
async function announced(): Promise<() => Promise<void>> {
  const ending = new AbortController();
  const run = shipping(scratch.files('in', { 'a.log': 'a\n' }), { signal: ending.signal }).catch(() => {});
  await vi.waitFor(async () => expect(await redis.zcard('msgs:logs:')).toBeGreaterThan(0), {
    timeout: 20_000,
  });
  return async () => {
    ending.abort();
    await run;
  };
}

test('what others have in the ledger, aside and carried over is not read by a consumer that begins', async () => {
  const end = await announced();
  const foreign = { id: 1, file: 'f', generation: 'g', at: 0, bytes: 1, kind: 'lines', want: ' 7 ' };
  await addFields('ship-parts:logs:', 'p', JSON.stringify(foreign));
  await addFields('ship-aside:logs:', '7:p', '{}');
  await addFields('ship-carry:logs:', '7:f', '');
  const before = await sentBytes();
  const parts = consume(server.client(), 'logs:', { as: '0' });
  const { value } = await parts.next();
  expect(value).toMatchObject({ part: 'a.log' });
  await parts.return(undefined);
  expect((await sentBytes()) - before).toBeLessThan(200_000);
  await end();
});

test('where its own records aside are more than can be read, a consumer reports it and takes nothing', async () => {
  const end = await announced();
  await redis.eval(
    `local json = cjson.encode({ id = 1, file = 'f', bytes = 1, reason = string.rep('x', 2000), since = 1, tries = 1 })
    for i = 1, 5000 do redis.call('HSET', KEYS[1], '0:p' .. i, json) end`,
    1,
    'ship-aside:logs:',
  );
  await expect(consuming(() => undefined)).rejects.toMatchObject({
    code: 'SHIP_ASIDE_FULL',
    message: expect.stringContaining('of consumer 0 there are more than can be read'),
  });
  await end();
});
