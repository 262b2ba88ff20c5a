import BeeQueue from 'bee-queue';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { isGap } from '../source/features/topic/layout.ts';
import { publish } from '../source/features/topic/publish.ts';
import { subscribe } from '../source/features/topic/subscriber/subscribe.ts';

/** One side of one system of the topic benchmark, in a process of its own: a publisher or a subscriber. */

export type Job = {
  kind: string;
  role: 'publisher' | 'subscriber';
  socket: string;
  count: number;
  depth: number;
  batch: number;
  everyMs: number;
};

const body = 'x'.repeat(100);
const now = (): number => performance.timeOrigin + performance.now();
const client = (socket: string, extra = {}): Redis =>
  new Redis({ path: socket, enableAutoPipelining: true, maxRetriesPerRequest: null, ...extra });

await child(JSON.parse(process.argv[2] ?? '{}') as Job);

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
