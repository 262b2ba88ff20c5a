import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { runBatch } from '../../source/cli/batch.ts';
import type { AnyCommand } from '../../source/commands/run-command.ts';
import type { Config } from '../../source/config.ts';
import { QuarterdeckError } from '../../source/errors.ts';
import { feed as hitsFeed } from '../../source/features/hits/feed.ts';
import hitsFeature from '../../source/features/hits/index.ts';
import { initial as hitsInitial } from '../../source/features/hits/state.ts';
import { feed as limitFeed } from '../../source/features/limit/feed.ts';
import limitFeature from '../../source/features/limit/index.ts';
import { initial as limitInitial } from '../../source/features/limit/state.ts';
import { shardsOf } from '../../source/features/shards/shards.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let servers: RedisServer[];
beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 20_000);
  await Promise.all(servers.map((server) => server.client().flushall()));
});

type Done = { readonly code: number | string; readonly stdout: string; readonly stderr: string };

const commands = new Map<string, AnyCommand>(
  [hitsFeature, limitFeature].flatMap(({ noun, commands: own }) =>
    own.map((command): [string, AnyCommand] => [`${noun} ${command.verb}`, command]),
  ),
);

/** As the command line runs it, without a process of its own. A failure is its code. */
async function over(
  path: string,
  words: readonly string[] = [],
  {
    flags = {},
    order = servers,
    stdin = '',
  }: { flags?: Record<string, unknown>; order?: readonly RedisServer[]; stdin?: string } = {},
): Promise<Done> {
  const command = commands.get(path);
  if (!command) throw new Error(path);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const streams = { stdin: Readable.from([stdin]), stdout, stderr };
  const textOf = (stream: PassThrough): string => ((stream.read() ?? '') as string | Buffer).toString();
  const config = configOf(order);
  try {
    const options = {
      config,
      streams,
      ended: new AbortController().signal,
      unconfirmed() {},
      printFrame: async () => [],
    };
    const code = await runBatch(path, command, { words, flags, commandLine: [] }, options);
    return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
  } catch (error) {
    if (!(error instanceof QuarterdeckError)) throw error;
    return { code: error.code, stdout: textOf(stdout), stderr: textOf(stderr) };
  }
}
const configOf = (order: readonly RedisServer[]): Config =>
  ({
    urls: order.map(({ url }) => url),
    router: 'crc32-signed',
    json: true,
    timeoutMs: 1500,
    readOnly: false,
    cluster: false,
    embedded: false,
  }) as unknown as Config;
async function ok(path: string, words: readonly string[] = [], flags = {}, stdin = ''): Promise<unknown> {
  const { code, stdout, stderr } = await over(path, words, { flags, stdin });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}
const shards = () =>
  shardsOf(
    servers.map((server) => ({ url: server.url, ask: server.client() })),
    'crc32-signed',
  );
const nameOn = (shard: number): string => {
  const { route } = shards();
  return Array.from({ length: 50 }, (_, i) => `name${i}`).find((name) => route(name) === shard) ?? '';
};
const keysOn = async (shard: number): Promise<string[]> =>
  (await servers[shard]?.client().keys('*'))?.filter((key) => !key.startsWith('quarterdeck:')).toSorted() ??
  [];

test('each series is counted, summed and listed where its name is routed, and nowhere else', async () => {
  const names = [0, 1, 2].map(nameOn);
  await ok('hits add', ['-'], {}, names.map((name, i) => `${name}\t${i + 1}`).join('\n'));
  for (const [shard, name] of names.entries()) {
    const keys = await keysOn(shard);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every((key) => key.startsWith(`hits:${name}:`))).toBe(true);
    expect(await ok('hits sum', [name])).toMatchObject({ sum: shard + 1 });
    const { points } = (await ok('hits series', [name])) as { points: [number, number][] };
    expect(points.reduce((sum, [, count]) => sum + count, 0)).toBe(shard + 1);
  }
  const all = (await ok('hits list', [])) as { series: string; today: number }[];
  expect(all.map(({ series, today }) => [series, today])).toEqual(
    names.map((name, i) => [name, i + 1]).toSorted(),
  );
});

test('plain keys are spread each by its own name, and summed over all servers', async () => {
  const { clientOf } = shards();
  const now = Math.floor(Date.now() / 10_000);
  const buckets = Array.from({ length: 200 }, (_, i) => `web:${now - i - 1}${i % 2 ? '0' : ''}`);
  await Promise.all(buckets.map((key, i) => clientOf(key).set(key, i + 1)));
  await ok('hits add', ['web', '7'], { layout: 'seed' });
  expect(await ok('hits sum', ['web'], { since: '1h', layout: 'seed' })).toMatchObject({
    sum: (200 * 201) / 2 + 7,
  });
  // What we counted is where a program that routes each key by its name looks for it.
  const { route } = shards();
  for (const shard of [0, 1, 2]) {
    for (const key of (await keysOn(shard)).filter((name) => /^web:\d+$/.test(name)))
      expect(route(key)).toBe(shard);
  }
});

test('each subject is limited where its name is routed; the list is of all', async () => {
  const names = [0, 1, 2].map(nameOn);
  for (const [shard, name] of names.entries()) {
    await ok('limit hit', [name], { max: '2', per: '1m' });
    expect((await keysOn(shard)).every((key) => key.startsWith(`limit:${name}:`))).toBe(true);
  }
  await ok('limit hit', [names[1] ?? ''], { max: '2', per: '1m' });
  expect((await over('limit hit', [names[1] ?? ''], { flags: { max: '2', per: '1m' } })).code).toBe(1);
  const all = (await ok('limit list', [])) as { subject: string; used: number; denied: number }[];
  expect(all.map(({ subject }) => subject).toSorted()).toEqual(names.toSorted());
  expect(all[0]).toMatchObject({ subject: names[1], used: 2, denied: 1 });
  expect(await ok('limit reset', [names[1] ?? ''])).toMatchObject({ cleared: 1 });
  await ok('limit hit', [names[1] ?? ''], { max: '2', per: '1m' });
  await ok('limit hit', ['plain'], { max: '2', per: '1m', layout: 'seed' });
  const { route } = shards();
  for (const shard of [0, 1, 2]) {
    for (const key of (await keysOn(shard)).filter((name) => name.startsWith('plain:')))
      expect(route(key)).toBe(shard);
  }
  expect(await ok('limit list', [])).toContainEqual(expect.objectContaining({ subject: 'plain', used: 1 }));
});

test('a list in another order is refused by whoever counts and whoever asks, before anything is touched', async () => {
  await ok('hits add', [nameOn(0), '1']);
  const order = servers.toReversed();
  const before = await Promise.all([0, 1, 2].map(keysOn));
  const flags = { max: '1', per: '1s' };
  for (const refused of [
    await over('hits add', ['x'], { order }),
    await over('hits sum', ['x'], { order }),
    await over('hits list', [], { order }),
    await over('limit hit', ['x'], { order, flags }),
    await over('limit list', [], { order }),
  ]) {
    expect(refused.code).toBe('SHARD_ORDER');
  }
  expect(await Promise.all([0, 1, 2].map(keysOn))).toEqual(before);
});

test('with one server down its own names are refused, lists say whose part is missing, the rest goes on', async () => {
  const names = [0, 1, 2].map(nameOn);
  for (const name of names) {
    await ok('hits add', [name, '5']);
    await ok('limit hit', [name], { max: '2', per: '1h' });
  }
  await servers[1]?.stop();
  try {
    expect(await ok('hits sum', [names[2] ?? ''])).toMatchObject({ sum: 5 });
    expect((await over('limit hit', [names[0] ?? ''], { flags: { max: '2', per: '1h' } })).code).toBe(0);
    const own = [names[1] ?? ''];
    for (const refused of [
      await over('hits sum', own),
      await over('hits add', own),
      await over('limit hit', own, { flags: { max: '2', per: '1h' } }),
    ]) {
      expect(refused.code).toBe('SHARD_DOWN');
    }
    for (const noun of ['hits', 'limit']) {
      const partial = await over(`${noun} list`);
      expect(partial.code).toBe(3);
      expect(partial.stderr).toContain(`Shard 1 at ${servers[1]?.url} does not answer: its part is missing`);
      const found = JSON.parse(partial.stdout) as { series?: string; subject?: string }[];
      expect(found.map(({ series, subject }) => series ?? subject).toSorted()).toEqual(
        [names[0], names[2]].toSorted(),
      );
    }
    const sum = await over('hits sum', ['web'], { flags: { layout: 'seed' } });
    expect(sum.code).toBe(3);
    expect(JSON.parse(sum.stdout)).toMatchObject({ sum: 0, missing: [1] });
  } finally {
    await servers[1]?.start();
  }
});

test('what other programs count is found on every server, and without a dead one, which is said', async () => {
  const clock = servers[0]?.client().time();
  const seconds = Number((await clock)?.[0]);
  const bucket = Math.floor(seconds / 10);
  for (const [shard, server] of servers.entries()) {
    await server.client().set(`web:${bucket - shard}`, 2 ** shard, 'EX', 600);
    await server.client().set(`limit:key${shard}:fixed:86400000`, 1, 'PX', 86_400_000);
  }
  const flags = { discover: true };
  expect(await ok('hits list', [], flags)).toMatchObject([{ series: 'web', lastHour: 7, layout: 'seed' }]);
  const limits = (await ok('limit list', [], flags)) as { subject: string }[];
  expect(limits.map(({ subject }) => subject)).toEqual(['key0', 'key1', 'key2']);
  await servers[1]?.stop();
  try {
    const hits = await over('hits list', [], { flags });
    expect({ code: hits.code, found: JSON.parse(hits.stdout) as unknown }).toMatchObject({
      code: 3,
      found: [{ series: 'web', lastHour: 5 }],
    });
    expect(hits.stderr).toContain(`Shard 1 at ${servers[1]?.url} does not answer: its part is missing`);
    expect((await over('limit list', [], { flags })).code).toBe(3);
  } finally {
    await servers[1]?.start();
  }
});

test('panes go on without a dead server, say so, and have it back once it is', async () => {
  const names = [0, 1, 2].map(nameOn);
  for (const name of names) {
    await ok('hits add', [name, '5']);
    await ok('limit hit', [name], { max: '2', per: '1h' });
  }
  const config = configOf(servers);
  const connections = connect(config);
  const [first] = connections as [Connection];
  const context = { redis: first.ask, connections, config };
  const look = async () => {
    const [hits, limits] = await Promise.all([
      hitsFeed.read(context, hitsInitial),
      limitFeed.read(context, limitInitial),
    ]);
    return { hits: hits(hitsInitial), limits: limits(limitInitial) };
  };
  try {
    const whole = await look();
    expect(whole.hits.rows.map(({ series }) => series).toSorted()).toEqual(names.toSorted());
    expect(whole.hits.rows.every(({ points }) => points.length > 0)).toBe(true);
    expect(whole.limits.meters.length).toBe(3);
    expect(hitsFeature.headline(whole.hits)).not.toContain('SHARD');
    await servers[1]?.stop();
    const startedAtMs = performance.now();
    const without = await look();
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
    expect(without.hits.rows.length).toBe(2);
    expect(without.limits).toMatchObject({ total: 2, missing: [1] });
    expect(hitsFeature.headline(without.hits)).toMatch(/^SHARD 1 DOWN( |$)/);
    await servers[1]?.start();
    await ok('hits add', [names[1] ?? '', '5']);
    await vi.waitFor(async () => expect((await look()).hits.rows.length).toBe(3), 5000);
  } finally {
    for (const connection of connections) connection.close();
  }
});
