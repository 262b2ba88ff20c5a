import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import BeeQueue from 'bee-queue';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { isGap } from '../source/features/topic/layout.ts';
import { publish } from '../source/features/topic/publish.ts';
import { subscribe } from '../source/features/topic/subscribe.ts';
import { openTopic } from '../source/features/topic/topic.ts';
import { interleave, judged, median, percentile, printTable, short, startServer } from './harness.ts';

/**
 * Durable publish/subscribe beside Streams through the same client, BullMQ, bee-queue and, as the floor, plain
 * PUBLISH: publisher, subscriber and server in processes of their own. A message counts when it was handled.
 */

type Job = {
  kind: string;
  role: 'publisher' | 'subscriber';
  socket: string;
  count: number;
  depth: number;
  batch: number;
  everyMs: number;
};

const body = 'x'.repeat(100);
const repetitions = Number(process.env.REPETITIONS ?? 3);
const now = (): number => performance.timeOrigin + performance.now();
const client = (socket: string, extra = {}): Redis =>
  new Redis({ path: socket, enableAutoPipelining: true, maxRetriesPerRequest: null, ...extra });

if (process.argv[2] === 'child') await child(JSON.parse(process.argv[3] ?? '{}') as Job);
else await parent();

/** Sends `count` messages, `depth` calls at a time, each of `batch` messages. */
async function drive(job: Job, send: (messages: string[]) => Promise<unknown>): Promise<void> {
  if (job.everyMs > 0) {
    const started = now();
    for (let index = 0; index < job.count; index += 1) {
      const due = started + index * job.everyMs;
      while (now() < due) await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - now())));
      await send([`${now()} `.padEnd(100, 'x')]);
    }
    return;
  }
  let left = job.count;
  const messages = Array.from({ length: job.batch }, () => body);
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= job.batch;
      await send(messages);
    }
  };
  await Promise.all(Array.from({ length: job.depth }, worker));
}

async function child(job: Job): Promise<void> {
  const publishers: Record<string, () => Promise<void>> = {
    async topic() {
      const redis = client(job.socket);
      await drive(job, (messages) =>
        publish(redis, 'bench', messages.length === 1 ? body0(messages) : messages),
      );
    },
    async streams() {
      const redis = client(job.socket);
      await drive(job, (messages) => {
        if (messages.length === 1) return redis.xadd('bench', '*', 'm', body0(messages));
        const pipeline = redis.pipeline();
        for (const message of messages) pipeline.xadd('bench', '*', 'm', message);
        return pipeline.exec();
      });
    },
    async publish() {
      const redis = client(job.socket);
      await drive(job, (messages) => redis.publish('bench', body0(messages)));
    },
    async bullmq() {
      const queue = new Queue('bench', {
        connection: client(job.socket),
        defaultJobOptions: { removeOnComplete: true },
      });
      await drive(job, (messages) =>
        messages.length === 1
          ? queue.add('m', body0(messages))
          : queue.addBulk(messages.map((data) => ({ name: 'm', data }))),
      );
    },
    async bee() {
      const queue = new BeeQueue('bench', { redis: { path: job.socket }, isWorker: false, getEvents: false });
      await drive(job, (messages) =>
        messages.length === 1
          ? queue.createJob({ m: body0(messages) }).save()
          : queue.saveAll(messages.map((m) => queue.createJob({ m }))),
      );
    },
  };

  let handled = 0;
  const latencies: number[] = [];
  const finished = Promise.withResolvers<void>();
  const handle = (message: string): void => {
    handled += 1;
    if (job.everyMs > 0) latencies.push(now() - Number.parseFloat(message));
    if (handled === job.count) finished.resolve();
  };
  const subscribers: Record<string, () => Promise<void>> = {
    async topic() {
      const running = subscribe(client(job.socket), 'bench', { as: 's', count: job.count }, (item) => {
        if (!isGap(item)) handle(item.message);
      });
      running.catch(finished.reject);
    },
    async streams() {
      const redis = client(job.socket, { enableAutoPipelining: false });
      await redis.xgroup('CREATE', 'bench', 'g', '$', 'MKSTREAM');
      void (async () => {
        while (handled < job.count) {
          const reply = (await redis.xreadgroup(
            'GROUP',
            'g',
            'c',
            'COUNT',
            100,
            'BLOCK',
            1000,
            'STREAMS',
            'bench',
            '>',
          )) as [string, [string, string[]][]][] | null;
          const entries = reply?.[0]?.[1] ?? [];
          for (const [, [, message]] of entries) handle(message ?? '');
          if (entries.length > 0) await redis.xack('bench', 'g', ...entries.map(([id]) => id));
        }
      })().catch(finished.reject);
    },
    async publish() {
      const redis = client(job.socket);
      redis.on('message', (_channel, message) => handle(message));
      await redis.subscribe('bench');
    },
    async bullmq() {
      const worker = new Worker('bench', async ({ data }) => handle(data as string), {
        connection: client(job.socket, { enableAutoPipelining: false }),
        concurrency: 32,
      });
      await worker.waitUntilReady();
    },
    async bee() {
      const queue = new BeeQueue('bench', {
        redis: { path: job.socket },
        removeOnSuccess: true,
        getEvents: false,
      });
      await queue.ready();
      queue.process(32, async ({ data }: { data: { m: string } }) => handle(data.m));
    },
  };

  if (job.role === 'subscriber') {
    await subscribers[job.kind]?.();
    setTimeout(() => process.send?.({ name: 'ready' }), 150);
    await finished.promise;
    process.send?.({ name: 'done', atMs: now(), latencies });
  } else {
    process.send?.({ name: 'started', atMs: now() });
    await publishers[job.kind]?.();
  }
}

function body0(messages: readonly string[]): string {
  return messages[0] ?? '';
}

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
      'bench/topic.ts',
      'child',
      JSON.stringify({ ...job, role, socket }),
    ];
    const [program = '', ...rest] = pinned
      ? ['taskset', '-c', '0', process.execPath, ...words]
      : [process.execPath, ...words];
    return fork(rest.at(-3) ?? '', rest.slice(-2), {
      execPath: program,
      execArgv: rest.slice(0, -3),
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
