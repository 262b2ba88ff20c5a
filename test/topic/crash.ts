import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { topicStatus } from '../../source/features/topic/topic.ts';
import { kill } from '../helpers/cli.ts';
import { startRedis } from '../helpers/redis-server.ts';

export type CrashPlan = {
  readonly messages: number;
  readonly kills: number;
  readonly restarts: number;
  /** Between two kills, at most. */
  readonly pauseMs: number;
  readonly patienceMs: number;
};

export type Seen = {
  /** The highest id; all below it were seen too. */
  readonly last: number;
  readonly missing: number;
  /** Seen again right after a restart of the subscriber. */
  readonly duplicates: number;
  /** Seen again at another time. */
  readonly unexplained: number;
  readonly gaps: number;
  /** What was promised to the publisher and reads otherwise, or is not there. */
  readonly wrong: number;
};

export type CrashResult = {
  readonly lastId: number;
  readonly promised: number;
  readonly kills: number;
  readonly restarts: number;
  readonly seen: readonly Seen[];
};

const worker = fileURLToPath(new URL('./crash-worker.ts', import.meta.url));
const register = fileURLToPath(new URL('../../scripts/register-lua.ts', import.meta.url));

/** A publisher and two subscribers are killed at random, the server too; then both subscribers' files are read. */
export async function crash({
  messages,
  kills,
  restarts,
  pauseMs,
  patienceMs,
}: CrashPlan): Promise<CrashResult> {
  const server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  const redis = server.client({ retryStrategy: () => 20 });
  const file = (name: string): string => path.join(server.directory, name);
  const roles = [
    ['publisher', file('promised')],
    ['subscriber', file('a'), 'a'],
    ['subscriber', file('b'), 'b'],
  ] as const;
  const start = ([role, log, name]: readonly [string, string, string?]): ChildProcess =>
    spawn(process.execPath, ['--import', register, worker, role, server.socket, log, 'crash', name ?? ''], {
      stdio: 'inherit',
    });
  const processes = roles.map(start);
  try {
    // Nothing is published before both have registered: what a later one begins with is not the question here.
    await vi.waitFor(
      async () => {
        const { subscribers } = await topicStatus(redis, 'crash');
        if (subscribers.length < 2) throw new Error('not registered yet');
      },
      { timeout: patienceMs, interval: 20 },
    );
    for (let killed = 0; killed < kills; killed += 1) {
      await redis.incrby('quota', Math.ceil(messages / kills / 100) * 100);
      await delay(Math.random() * pauseMs);
      const victim = Math.floor(Math.random() * roles.length);
      const role = roles[victim];
      const child = processes[victim];
      if (!role || !child) continue;
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      processes[victim] = start(role);
      if (
        Math.floor(((killed + 1) * (restarts + 1)) / kills) > Math.floor((killed * (restarts + 1)) / kills)
      ) {
        if (killed + 1 < kills) {
          await server.stop('SIGKILL');
          await server.start();
        }
      }
    }
    await vi.waitFor(
      async () => {
        const now = await topicStatus(redis, 'crash');
        if (now.lastId >= messages) return;
        // What a killed publisher had taken of the quota and not published.
        if (now.subscribers.every(({ lag }) => lag === 0)) await redis.incrby('quota', 100);
        throw new Error(`not published: ${JSON.stringify(now)}`);
      },
      { timeout: patienceMs, interval: 100 },
    );
    // Ended first: what it went on to publish, a subscriber that is killed would never see.
    if (processes[0]) await kill(processes[0]);
    const { lastId } = await vi.waitFor(
      async () => {
        if (String(await redis.client('LIST')).includes('name=publisher')) throw new Error('still heard');
        const now = await topicStatus(redis, 'crash');
        if (now.subscribers.some(({ lag }) => lag > 0)) throw new Error(`not read: ${JSON.stringify(now)}`);
        return now;
      },
      { timeout: patienceMs, interval: 100 },
    );
    for (const child of processes) child.kill('SIGKILL');
    const promises = await promisedIn(file('promised'));
    const seen = [];
    for (const name of ['a', 'b']) seen.push(await judge(file(name), promises, lastId));
    const promised = [...promises.values()].reduce((sum, { count }) => sum + count, 0);
    return { lastId, promised, kills, restarts, seen };
  } finally {
    for (const child of processes) child.kill('SIGKILL');
    await server.close();
  }
}

type Promises = Map<number, { readonly count: number; readonly call: string }>;

async function promisedIn(file: string): Promise<Promises> {
  const promises: Promises = new Map();
  if (!existsSync(file)) return promises;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [first = '', count = '', call = ''] = line.split(' ');
    promises.set(Number(first), { count: Number(count), call });
  }
  return promises;
}

async function judge(file: string, promises: Promises, lastId: number): Promise<Seen> {
  let last = 0;
  let missing = 0;
  let duplicates = 0;
  let unexplained = 0;
  let gaps = 0;
  let wrong = 0;
  let checked = 0;
  /** The id a restarted subscriber may go on repeating from. */
  let repeating = Number.POSITIVE_INFINITY;
  let isFresh = true;
  let promise: { first: number; count: number; call: string } | undefined;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line === 'restarted') {
      isFresh = true;
      continue;
    }
    const [word = '', text = ''] = line.split(' ');
    if (word === 'gap') {
      gaps += 1;
      continue;
    }
    const id = Number(word);
    if (id <= last) {
      if (isFresh || id === repeating) duplicates += 1;
      else unexplained += 1;
      repeating = id + 1;
    } else {
      missing += id - last - 1;
      last = id;
      repeating = Number.POSITIVE_INFINITY;
      const found = promises.get(id);
      if (found) promise = { first: id, ...found };
      if (promise && id < promise.first + promise.count) {
        checked += 1;
        if (text !== `${promise.call}:${id - promise.first}`) wrong += 1;
      }
    }
    isFresh = false;
  }
  const promised = [...promises.values()].reduce((sum, { count }) => sum + count, 0);
  return {
    last,
    missing: missing + Math.max(0, lastId - last),
    duplicates,
    unexplained,
    gaps,
    wrong: wrong + promised - checked,
  };
}
