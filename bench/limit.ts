import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { LeasedLimiter } from '../source/features/limit/check/lease.ts';
import { Limiter } from '../source/features/limit/limit.ts';
import { interleave, judged, median, printTable, short, startServer } from './harness.ts';

/**
 * Hits a second of each algorithm beside plain INCR (the floor: it limits nobody) and rate-limiter-flexible's fixed
 * window, through one client with autopipelining over a unix socket: 64 hits in flight on 64 subjects, and one in
 * flight with client and server on one core.
 */

const perMs = 60_000;
const max = 1_000_000_000;
const forMs = Number(process.env.FOR_MS ?? 400);
const repetitions = Number(process.env.REPETITIONS ?? 7);
const isPinned = process.argv[2] === 'pinned';

const server = await startServer({ pinned: isPinned });
const redis = new Redis({ path: server.socket, enableAutoPipelining: true, maxRetriesPerRequest: null });
const flexible = new RateLimiterRedis({ storeClient: redis, points: max, duration: perMs / 1000 });
const limiterOf = (algorithm: 'fixed' | 'sliding' | 'gcra') => new Limiter(redis, { algorithm, max, perMs });
const [fixed, sliding, gcra] = [limiterOf('fixed'), limiterOf('sliding'), limiterOf('gcra')];
const both = new Limiter(redis, [
  { max, perMs },
  { algorithm: 'gcra', max, perMs },
]);
const leased = new LeasedLimiter(redis, { max, perMs }, { permits: 1000 });
const tight = new Limiter(redis, { max: 1, perMs: 86_400_000 });

async function perSecond(hit: (subject: string) => Promise<unknown>): Promise<number> {
  const subjects = Array.from({ length: isPinned ? 1 : 64 }, (_, i) => `subject ${i}`);
  await Promise.all(subjects.map(hit));
  const startedMs = performance.now();
  let hits = 0;
  await Promise.all(
    subjects.map(async (subject) => {
      while (performance.now() - startedMs < forMs) {
        await hit(subject);
        hits += 1;
      }
    }),
  );
  return (hits / (performance.now() - startedMs)) * 1000;
}

const cases = {
  'plain INCR': () => perSecond((subject) => redis.incr(subject)),
  'rate-limiter-flexible fixed': () => perSecond((subject) => flexible.consume(subject)),
  fixed: () => perSecond((subject) => fixed.hit(subject)),
  sliding: () => perSecond((subject) => sliding.hit(subject)),
  gcra: () => perSecond((subject) => gcra.hit(subject)),
};
const memory = {
  'fixed and gcra at once': () => perSecond((subject) => both.hit(subject)),
  'leased, 1000 permits': () => perSecond((subject) => leased.hit(subject)),
  'refused from memory': () => perSecond((subject) => tight.hit(subject)),
};
const figures = await interleave(repetitions, isPinned ? cases : { ...cases, ...memory });
const of = (name: string): number => median(figures[name] ?? []);
const incr = of('plain INCR');
const peer = of('rate-limiter-flexible fixed');

const goals: Record<string, readonly [floor: number, peer: number]> = isPinned
  ? { fixed: [0.8, 1.3] }
  : {
      fixed: [0.8, 1.6],
      sliding: [0, 1],
      gcra: [0, 1],
      'leased, 1000 permits': [0, 10],
      'refused from memory': [0, 10],
    };
const compared = (ratio: number, goal = 0): string =>
  goal > 0 ? judged(ratio, goal) : `${ratio.toFixed(2)}x`;
printTable(isPinned ? 'Limits: 1 hit in flight, on one core' : 'Limits: 64 hits in flight', [
  ['', 'hits/s', 'over INCR', 'over rate-limiter-flexible'],
  ...Object.keys(figures).map((name) => {
    const [floorGoal, peerGoal] = goals[name] ?? [];
    return [name, short(of(name)), compared(of(name) / incr, floorGoal), compared(of(name) / peer, peerGoal)];
  }),
]);

for (const limiter of [fixed, sliding, gcra, both, leased, tight]) await limiter.close();
redis.disconnect();
await server.close();
if (!isPinned) {
  const file = new URL(import.meta.url).pathname;
  const [program = '', ...words] = [
    'taskset',
    '-c',
    '0',
    process.execPath,
    ...process.execArgv,
    file,
    'pinned',
  ];
  spawnSync(program, words, { stdio: 'inherit' });
}
