import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { publish } from '../source/features/topic/publish.ts';
import { openTopic } from '../source/features/topic/topic.ts';
import { interleave, judged, median, percentile, printTable, short, startServer } from './harness.ts';
import type { Job } from './topic-side.ts';

/**
 * Durable publish/subscribe beside Streams through the same client, BullMQ, bee-queue and, as the floor, plain
 * PUBLISH: publisher, subscriber and server in processes of their own. A message counts when it was handled.
 */

const repetitions = Number(process.env.REPETITIONS ?? 3);

await parent();

type Said = { name: string; atMs: number; latencies: number[] };

async function run(
  socket: string,
  flush: () => Promise<unknown>,
  job: Omit<Job, 'role' | 'socket'>,
  pinned: boolean,
) {
  await flush();
  const start = (role: Job['role']): ChildProcess => {
    const words = [
      '--import',
      './scripts/register-lua.ts',
      'bench/topic-side.ts',
      JSON.stringify({ ...job, role, socket }),
    ];
    const [program = '', ...rest] = pinned
      ? ['taskset', '-c', '0', process.execPath, ...words]
      : [process.execPath, ...words];
    return fork(rest.at(-2) ?? '', rest.slice(-1), {
      execPath: program,
      execArgv: rest.slice(0, -2),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  };
  const heard = async (process: ChildProcess, name: string): Promise<Said> => {
    for (;;) {
      const [said] = (await once(process, 'message')) as [Said];
      if (said.name === name) return said;
    }
  };
  const subscriber = start('subscriber');
  await heard(subscriber, 'ready');
  const publisher = start('publisher');
  const [started, done] = await Promise.all([heard(publisher, 'started'), heard(subscriber, 'done')]);
  for (const child of [subscriber, publisher]) child.kill('SIGKILL');
  return { perSecond: (job.count / (done.atMs - started.atMs)) * 1000, latencies: done.latencies };
}

/** What all keys take whose name begins and ends so. */
async function bytesOf(redis: Redis, prefix: string, suffix = ''): Promise<number> {
  const keys = (await redis.keys(`${prefix}*${suffix}*`)).filter((key) => key.startsWith(prefix));
  const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)));
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
}

async function parent(): Promise<void> {
  const only = process.argv.slice(2);
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const measure = async (
    title: string,
    pinned: boolean,
    counts: Record<string, number>,
    rest: { depth: number; batch: number },
  ) => {
    const server = await startServer({ pinned });
    const figures = await interleave(
      repetitions,
      Object.fromEntries(
        Object.entries(counts).map(([kind, count]) => [
          kind,
          async () =>
            (
              await run(
                server.socket,
                () => server.redis.flushall(),
                { kind, count, everyMs: 0, ...rest },
                pinned,
              )
            ).perSecond,
        ]),
      ),
    );
    await server.close();
    const medians = Object.fromEntries(
      Object.entries(figures).map(([kind, values]) => [kind, median(values)]),
    );
    printTable(title, [
      ['', 'messages/s', 'ours over it', 'spread'],
      ...Object.entries(figures).map(([kind, values]) => [
        kind,
        short(medians[kind] ?? 0),
        `${((medians.topic ?? 0) / (medians[kind] ?? 0)).toFixed(2)}x`,
        `${short(Math.min(...values))} - ${short(Math.max(...values))}`,
      ]),
    ]);
    return (peer: string): number => (medians.topic ?? 0) / (medians[peer] ?? 0);
  };
  const verdicts: string[][] = [['goal', 'figure']];

  if (wanted('one')) {
    const over = await measure(
      'One in flight, all on one core',
      true,
      { topic: 40_000, streams: 40_000, publish: 40_000, bullmq: 5000, bee: 10_000 },
      { depth: 1, batch: 1 },
    );
    verdicts.push(['one in flight, Streams', judged(over('streams'), 1.5)]);
  }
  if (wanted('64')) {
    const over = await measure(
      '64 in flight',
      false,
      { topic: 200_000, streams: 60_000, publish: 100_000, bullmq: 10_000, bee: 10_000 },
      { depth: 64, batch: 1 },
    );
    verdicts.push(
      ['64 in flight, Streams', judged(over('streams'), 1)],
      ['64 in flight, BullMQ', judged(over('bullmq'), 8)],
    );
  }
  if (wanted('batch')) {
    const over = await measure(
      'Batches of 100, 4 in flight',
      false,
      { topic: 1_000_000, streams: 100_000, bullmq: 10_000, bee: 10_000 },
      { depth: 4, batch: 100 },
    );
    verdicts.push(['batches of 100, pipelined Streams', judged(over('streams'), 10)]);
  }
  if (wanted('latency')) {
    const server = await startServer();
    const figures = await interleave(
      repetitions,
      Object.fromEntries(
        ['topic', 'streams', 'publish'].map((kind) => [
          kind,
          async () => {
            const { latencies } = await run(
              server.socket,
              () => server.redis.flushall(),
              { kind, count: 2500, everyMs: 2, depth: 1, batch: 1 },
              false,
            );
            return latencies.slice(500);
          },
        ]),
      ),
    );
    await server.close();
    const p50 = (kind: string): number =>
      median((figures[kind] ?? []).map((values) => percentile(values, 0.5)));
    printTable('Latency at 500/s, from publish to handler', [
      ['', 'p50 ms', 'p99 ms'],
      ...Object.entries(figures).map(([kind, all]) => [
        kind,
        p50(kind).toFixed(3),
        median(all.map((values) => percentile(values, 0.99))).toFixed(3),
      ]),
    ]);
    verdicts.push(['p50 at 500/s, plain PUBLISH', judged(p50('topic') / p50('publish'), 1.15, true)]);
  }
  if (wanted('memory')) {
    const server = await startServer();
    const { redis } = server;
    const messages = Array.from({ length: 100_000 }, (_, index) => String(index).padEnd(100, 'x'));
    const keep = openTopic(redis, 'bench');
    const fill = {
      'topic, one by one': async () => {
        for (const [index, message] of messages.entries()) await keep.publish('p', index + 1, [message]);
        return await bytesOf(redis, 'topic:');
      },
      'topic, frames of 100': async () => {
        for (let at = 0; at < messages.length; at += 100)
          await publish(redis, 'framed', messages.slice(at, at + 100));
        return (await bytesOf(redis, 'topic:')) - (await bytesOf(redis, 'topic:', 'bench'));
      },
      'stream, one by one': async () => {
        for (const message of messages) await redis.xadd('stream', '*', 'm', message);
        return await bytesOf(redis, 'stream');
      },
      'stream, pipelines of 1000': async () => {
        await redis.del('stream');
        for (let at = 0; at < messages.length; at += 1000) {
          const pipeline = redis.pipeline();
          for (const message of messages.slice(at, at + 1000)) pipeline.xadd('stream', '*', 'm', message);
          await pipeline.exec();
        }
        return await bytesOf(redis, 'stream');
      },
    };
    const bytes: Record<string, number> = {};
    for (const [name, run] of Object.entries(fill)) bytes[name] = (await run()) / messages.length;
    await server.close();
    const stream = (name: string): number =>
      bytes[name.includes('one by one') ? 'stream, one by one' : 'stream, pipelines of 1000'] ?? 0;
    printTable('Memory for each retained message of 100 bytes, all keys of the topic', [
      ['', 'bytes', 'over a stream'],
      ...Object.entries(bytes).map(([name, each]) => [
        name,
        each.toFixed(1),
        `${(each / stream(name)).toFixed(3)}x`,
      ]),
    ]);
    for (const name of ['topic, one by one', 'topic, frames of 100']) {
      verdicts.push([`memory, ${name}`, judged((bytes[name] ?? 0) / stream(name), 1, true)]);
    }
  }
  printTable('Goals', verdicts);
}
