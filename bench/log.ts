import { Redis } from 'ioredis';
import { logKeys } from '../source/features/log/keys.ts';
import { writeBatch } from '../source/features/log/log.ts';
import { recentLine } from '../source/features/log/recent-line.ts';
import { Miner } from '../source/features/log/template/miner.ts';
import { LogWriter } from '../source/features/log/writer.ts';
import { bookLogCommon } from '../test/log/book.ts';
import { syntheticLog } from '../test/log/synthetic-log.ts';
import { interleave, judged, median, printTable, short, startServer } from './harness.ts';

/**
 * Common logs with 50 writers, each of whom waits until its message is counted: the WATCH form of Redis in Action (a connection for
 * each writer, as it needs), the same commands without WATCH, and ours, where writers of one process share calls. Then
 * gathered, as a program that does not wait writes; and how fast lines get their templates, alone and on their way
 * into Redis. CPU is the client's and the server's together: on a busy machine it says more than the rate.
 */
const writers = 50;
const windowMs = 1500;
const messages = Array.from(
  { length: 100 },
  (_, id) => `message of kind ${'abcdefghij'[id % 10]} number ${id}`,
);
const messageOf = (id: number): string => messages[id % messages.length] ?? '';
const lines = syntheticLog({ seed: 3, events: 60, lines: 200_000 }).map(({ line }) => line);

const server = await startServer();
const shared = new Redis({ path: server.socket, enableAutoPipelining: true });
const own = Array.from({ length: writers }, () => new Redis({ path: server.socket }));
const keys = logKeys(shared, { name: 'bench', severity: 'info' });

type Figure = { readonly rate: number; readonly cpuUs: number };

async function measure(run: () => Promise<number>): Promise<Figure> {
  await server.redis.flushall();
  const before = await cpuUs();
  const startedAtMs = performance.now();
  const count = await run();
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { rate: count / seconds, cpuUs: ((await cpuUs()) - before) / count };
}

async function cpuUs(): Promise<number> {
  const info = await server.redis.info('cpu');
  const of = (kind: string): number => Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]) * 1e6;
  const { user, system } = process.cpuUsage();
  return user + system + of('user') + of('sys');
}

/** Every writer waits for its own message before it writes the next. */
function waiting(
  write: (redis: Redis, writer: number, message: string) => Promise<unknown>,
): Promise<Figure> {
  return measure(async () => {
    const endsAtMs = performance.now() + windowMs;
    const counts = await Promise.all(
      own.map(async (redis, writer) => {
        let count = 0;
        for (; performance.now() < endsAtMs; count += 1)
          await write(redis, writer, messageOf(writer * 7 + count));
        return count;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  });
}

function gathered(raw: boolean, texts: readonly string[], total: number): Promise<Figure> {
  return measure(async () => {
    const writer = new LogWriter(shared, 'bench', { raw });
    for (let id = 0; id < total; id += 1)
      if (!writer.write(texts[id % texts.length] ?? '')) await writer.drained();
    await writer.close();
    return total;
  });
}

let number = 0;
const figures = await interleave(3, {
  watch: () => waiting((redis, _, message) => bookLogCommon(redis, 'bench', message)),
  multi: () =>
    waiting((_redis, _writer, message) => {
      const transaction = shared.multi().get(keys.start).zincrby(keys.common, 1, message);
      return transaction.lpush(keys.recent, recentLine(Date.now(), message)).ltrim(keys.recent, 0, 99).exec();
    }),
  script: () =>
    waiting((_redis, writer, message) => {
      number += 1;
      const counted = [{ message, count: 1, sample: '' }];
      const batch = { counted, lines: [recentLine(Date.now(), message)] };
      return writeBatch(shared, keys, { lane: `lane ${writer}`, number }, batch);
    }),
  shared() {
    const writer = new LogWriter(shared, 'bench', { raw: true });
    return waiting((_redis, _writer, message) => {
      writer.write(message);
      return writer.flush();
    });
  },
  gathered: () => gathered(true, messages, 1_000_000),
  grouped: () => gathered(false, lines, 600_000),
  mined: () =>
    measure(async () => {
      const miner = new Miner();
      for (const line of lines) miner.template(line);
      return lines.length;
    }),
});

const of = (name: string, figure: keyof Figure): number =>
  median((figures[name] ?? []).map((one) => one[figure]));
const row = (name: string, label: string, judgement: string): string[] => [
  label,
  short(of(name, 'rate')),
  of(name, 'cpuUs').toFixed(2),
  judgement,
];
const over = (name: string, other: string): number => of(name, 'rate') / of(other, 'rate');
printTable(`Common logs, ${writers} writers (median of 3)`, [
  ['', 'events/s', 'CPU us each', 'events/s against'],
  row('watch', 'WATCH, GET, MULTI as in the book', '1x'),
  row('multi', 'MULTI without WATCH', `${over('multi', 'watch').toFixed(2)}x WATCH`),
  row('script', 'one call for each event', `${over('script', 'watch').toFixed(2)}x WATCH`),
  row('shared', 'each waits for its own, calls are shared', `WATCH ${judged(over('shared', 'watch'), 10)}`),
  row('shared', '', `MULTI ${judged(over('shared', 'multi'), 3)}`),
  row('gathered', 'gathered, nobody waits', `WATCH ${judged(over('gathered', 'watch'), 80)}`),
]);
const wanted = 200_000;
printTable('Templates (median of 3)', [
  ['', 'lines/s', 'CPU us each', 'lines/s against 200 k'],
  row('mined', 'mask and mine, in memory', judged(of('mined', 'rate') / wanted, 1)),
  row('grouped', 'grouped by one writer, into Redis', judged(of('grouped', 'rate') / wanted, 1)),
]);

shared.disconnect();
for (const redis of own) redis.disconnect();
await server.close();
