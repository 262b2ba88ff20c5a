import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';
// @ts-expect-error: its package.json hides its types from modules
import Untyped from 'redlock';
import { acquire } from '../source/features/lock/lock.ts';
import { interleave, judged, median, percentile, printTable, short, startServer } from './harness.ts';

/**
 * Uncontended pairs of acquire and release beside the two locks that Node programs use: one in flight, and over 64
 * keys at once; then hand-over to 50 waiters and its fairness, beside redlock tuned to poll every 10 ms.
 *
 * What has one command in flight runs on one core together with the server. Beside the pairs a second stand the
 * microseconds of CPU, of this process and the server, that a pair costs: they hardly drift.
 */
type Held = { release(): Promise<unknown> };
type Redlock = { acquire(resources: string[], ttlMs: number): Promise<Held> };
const Redlock: new (clients: Redis[], settings?: object) => Redlock = Untyped;

const pairs = 4000;
const repetitions = 7;
const waiters = 50;

const server = await startServer();
const client = (options = {}): Redis => new Redis({ path: server.socket, ...options });

const plain = client();
const piped = client({ enableAutoPipelining: true });
const redlock = (redis: Redis, settings = {}) => new Redlock([redis], { retryCount: 10_000, ...settings });

type Pair = (name: string) => Promise<void>;
const ours =
  (redis: Redis): Pair =>
  async (name) => {
    const held = await acquire(redis, name);
    await held?.release();
  };
const semaphore =
  (redis: Redis): Pair =>
  async (name) => {
    const mutex = new Mutex(redis, name);
    await mutex.acquire();
    await mutex.release();
  };
const theirs =
  (lock: Redlock): Pair =>
  async (name) => {
    const held = await lock.acquire([`redlock:${name}`], 10_000);
    await held.release();
  };

type Cost = { readonly perSecond: number; readonly cpuUs: number };

async function cost(pair: Pair, lanes: number): Promise<Cost> {
  const each = lanes === 1 ? pairs : 200;
  const before = await cpuSeconds();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let count = 0; count < each; count += 1) await pair(`bench:${lane}`);
    }),
  );
  const tookMs = performance.now() - startedAt;
  const count = lanes * each;
  return { perSecond: (count * 1000) / tookMs, cpuUs: ((await cpuSeconds()) - before) * (1e6 / count) };
}

/** Of this process and the server together. */
async function cpuSeconds(): Promise<number> {
  const info = await server.redis.info('cpu');
  const of = (name: string): number => Number(new RegExp(`used_cpu_${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
  const { user, system } = process.cpuUsage();
  return of('user') + of('sys') + (user + system) / 1e6;
}

const increments =
  (redis: Redis): Pair =>
  async (name) => {
    await redis.incr(`count:${name}`);
    await redis.incr(`count:${name}`);
  };

type HandOver = { gaps: number[]; drainMs: number; commands: number };

/** One holder, 50 waiters; then each holds for 1 ms. From each release to the next one's turn. */
async function drain(
  acquirers: readonly (() => Promise<Held | undefined>)[],
  first: Held,
): Promise<HandOver> {
  const gaps: number[] = [];
  let releasedAt = 0;
  const all = acquirers.map(async (take) => {
    const held = await take();
    gaps.push(performance.now() - releasedAt);
    await sleep(1);
    releasedAt = performance.now();
    await held?.release();
  });
  await sleep(100);
  const before = await processed();
  const startedAt = performance.now();
  releasedAt = startedAt;
  await first.release();
  await Promise.all(all);
  const drainMs = performance.now() - startedAt;
  return { gaps, drainMs, commands: (await processed()) - before };
}

async function processed(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await server.redis.info('stats'))?.[1] ?? 0);
}

const many = Array.from({ length: waiters }, () => client());
await Promise.all(many.map((redis) => redis.ping()));
let round = 0;
const freshName = (): string => {
  round += 1;
  return `hand:${round}`;
};
const handOvers = {
  async ours() {
    const name = freshName();
    const first = await acquire(plain, name);
    if (!first) throw new Error('not free');
    return drain(
      many.map(() => () => acquire(plain, name, { waitMs: 60_000 })),
      first,
    );
  },
  async 'ours, 50 connections'() {
    const name = freshName();
    const first = await acquire(plain, name);
    if (!first) throw new Error('not free');
    return drain(
      many.map((redis) => () => acquire(redis, name, { waitMs: 60_000 })),
      first,
    );
  },
  async 'redlock tuned'() {
    const name = freshName();
    const lock = redlock(plain, { retryDelay: 10, retryJitter: 5 });
    const first = await lock.acquire([name], 10_000);
    return drain(
      many.map(() => () => lock.acquire([name], 10_000)),
      first,
    );
  },
  async 'redis-semaphore'() {
    const name = freshName();
    const mutex = () => new Mutex(plain, name, { acquireTimeout: 60_000 });
    const first = mutex();
    await first.acquire();
    return drain(
      many.map(() => async () => {
        const waiting = mutex();
        await waiting.acquire();
        return waiting;
      }),
      first,
    );
  },
};

/** Jain's index: 1 when all got as many turns. */
async function fairness(): Promise<number> {
  const turns = new Array<number>(32).fill(0);
  const endsAt = performance.now() + 2000;
  await Promise.all(
    turns.map(async (_, index) => {
      const redis = many[index] ?? plain;
      while (performance.now() < endsAt) {
        const held = await acquire(redis, 'fair', { waitMs: 10_000 });
        turns[index] = (turns[index] ?? 0) + 1;
        await held?.release();
      }
    }),
  );
  const sum = turns.reduce((total, value) => total + value, 0);
  return sum ** 2 / (turns.length * turns.reduce((total, value) => total + value ** 2, 0));
}

for (const [title, redis, lanes] of [
  ['one in flight on one core, with the settings of our own connections (autopipelining)', piped, 1],
  ['one in flight on one core, plain client', plain, 1],
  ['64 keys at once, autopipelining', piped, 64],
  ['64 keys at once, plain client', plain, 64],
] as const) {
  const cases = {
    'two INCR (floor)': () => cost(increments(redis), lanes),
    ours: () => cost(ours(redis), lanes),
    'redis-semaphore': () => cost(semaphore(redis), lanes),
    redlock: () => cost(theirs(redlock(redis)), lanes),
  };
  const measure = async () => {
    await interleave(2, cases);
    return await interleave(repetitions, cases);
  };
  const costs = lanes === 1 ? await server.onOneCore(measure) : await measure();
  const speed = (name: string): number => median((costs[name] ?? []).map(({ perSecond }) => perSecond));
  const cpu = (name: string): number => median((costs[name] ?? []).map(({ cpuUs }) => cpuUs));
  const verdict = (name: string, goal: number): string => judged(speed('ours') / speed(name), goal);
  printTable(`Acquire + release, ${title}`, [
    ['case', 'pairs/s', 'ours over it', 'CPU us', 'its CPU over ours'],
    ...Object.keys(cases).map((name) => [
      name,
      short(speed(name)),
      name === 'redis-semaphore'
        ? verdict(name, 1.2)
        : name === 'redlock'
          ? verdict(name, 1.5)
          : `${(speed('ours') / speed(name)).toFixed(2)}x`,
      cpu(name).toFixed(1),
      `${(cpu(name) / cpu('ours')).toFixed(2)}x`,
    ]),
  ]);
}

const handed = await interleave(5, handOvers);
const gapsOf = (name: string): number[] => (handed[name] ?? []).flatMap(({ gaps }) => gaps);
const p = (name: string, part: number): number => percentile(gapsOf(name), part);
const drainOf = (name: string): number => median((handed[name] ?? []).map(({ drainMs }) => drainMs));
const commandsOf = (name: string): number =>
  median((handed[name] ?? []).map(({ commands }) => commands)) / waiters;
printTable('Hand-over to 50 waiters that hold for 1 ms', [
  ['case', 'p50 ms', 'p99 ms', 'drain ms', 'commands each'],
  ...Object.keys(handed).map((name) => [
    name,
    p(name, 0.5).toFixed(3),
    p(name, 0.99).toFixed(3),
    drainOf(name).toFixed(0),
    commandsOf(name).toFixed(1),
  ]),
]);
for (const name of ['ours', 'ours, 50 connections']) {
  process.stdout.write(
    `${name}: p50 ${judged(p(name, 0.5) / p('redlock tuned', 0.5), 0.15, true)} and p99 ${judged(
      p(name, 0.99) / p('redlock tuned', 0.99),
      0.15,
      true,
    )} of tuned redlock's; drain ${judged(drainOf(name) / waiters, 1.35, true)} of the floor\n`,
  );
}
process.stdout.write(`fairness over 32 waiters: ${judged(await fairness(), 0.99)}\n`);

for (const redis of [plain, piped, ...many]) redis.disconnect();
await server.close();
