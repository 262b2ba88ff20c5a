import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import calculateSlot from 'cluster-key-slot';
import type { Cluster, Redis } from 'ioredis';
import { startCluster } from '../../test/helpers/redis-cluster.ts';
import { startSentinel } from '../../test/helpers/redis-sentinel.ts';
import { type RedisServer, startRedis } from '../../test/helpers/redis-server.ts';

/** Where commands run, and what happens to it. */
export type Scene = {
  /** Flags that lead to it. */
  readonly flags: readonly string[];
  /** Looks at it, whatever the calamity is. */
  readonly redis: Redis | Cluster;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  close(): Promise<unknown>;
};

export type Calamity = {
  readonly name: string;
  /** How long it lasts while commands run. */
  readonly lastsMs: number;
  /** `--timeout` of the commands that run. */
  readonly timeoutMs: number;
  /** Who has to go on until it is over: everybody, those that only read, or nobody. */
  readonly survivors: 'all' | 'readers' | 'none';
  readonly open: () => Promise<Scene>;
};

type Act = (server: RedisServer, control: Redis) => { begin(): Promise<unknown>; end(): Promise<unknown> };

function onServer(words: readonly string[], act: Act): () => Promise<Scene> {
  return async () => {
    const server = await startRedis(...words);
    const control = server.client();
    await control.ping();
    return {
      flags: ['--url', server.url],
      redis: control,
      ...act(server, control),
      async close() {
        server.signal('SIGCONT');
        await server.close();
      },
    };
  };
}

/** Its primary does not exist. */
const replica: Act = (_, control) => ({
  begin: () => control.replicaof('127.0.0.1', '1'),
  end: () => control.replicaof('NO', 'ONE'),
});
const stopped: Act = (server) => ({ begin: () => server.stop(), end: () => server.start() });
/** Connections are accepted, by the kernel. */
const blackHole: Act = (server) => ({
  begin: async () => server.signal('SIGSTOP'),
  end: async () => server.signal('SIGCONT'),
});
const full: Act = (_, control) => ({
  begin: () => control.config('SET', 'maxmemory', '1'),
  end: () => control.config('SET', 'maxmemory', '0'),
});
/** A folder lies where its snapshot is to be written. */
const unsaved: Act = (server, control) => ({
  async begin() {
    mkdirSync(path.join(server.directory, 'dump.rdb'), { recursive: true });
    await control.config('SET', 'save', '3600 1');
    await control.bgsave();
    while (!(await control.info('persistence')).includes('rdb_last_bgsave_status:err')) await wait(20);
  },
  end: () => control.config('SET', 'save', ''),
});
const noConnections: Act = (_, control) => ({
  async begin() {
    await control.config('SET', 'maxclients', '1');
    await control.call('CLIENT', 'KILL', 'SKIPME', 'yes');
  },
  end: () => control.config('SET', 'maxclients', '10000'),
});

/** Users without INFO, CONFIG, CLIENT, LATENCY and SLOWLOG, from the first connection on. */
async function withoutInfo(): Promise<Scene> {
  const server = await startRedis();
  const control = server.client();
  const denied = ['info', 'config', 'client', 'latency', 'slowlog'];
  await control.call(
    'ACL',
    'SETUSER',
    'default',
    'on',
    'nopass',
    '~*',
    '&*',
    '+@all',
    ...denied.map((name) => `-${name}`),
  );
  return {
    flags: ['--url', server.url],
    redis: control,
    begin: async () => {},
    end: async () => {},
    close: () => server.close(),
  };
}

async function failover(): Promise<Scene> {
  const group = await startSentinel();
  const redis = group.replica.client();
  return {
    flags: ['--url', group.url, '--sentinel', group.name],
    redis,
    begin: () => group.primary.stop(),
    async end() {
      while (!(await redis.info('replication')).includes('role:master')) await wait(100);
    },
    close: () => group.close(),
  };
}

/** Whatever holds a key moves to the next server, again and again, as long as it lasts. */
async function slotMove(): Promise<Scene> {
  const cluster = await startCluster();
  const redis = cluster.client();
  const controls = cluster.primaries.map((server) => server.client());
  let isMoving = false;
  let moving: Promise<void> = Promise.resolve();
  const move = async (): Promise<void> => {
    while (isMoving) {
      const keys = (await Promise.all(controls.map((control) => control.keys('*')))).flat();
      const slots = new Map(keys.map((key) => [calculateSlot(key), key]));
      for (const key of slots.values()) if (isMoving) await cluster.moveSlotOf(key);
    }
  };
  return {
    flags: [...cluster.urls.flatMap((url) => ['--url', url]), '--cluster'],
    redis,
    async begin() {
      isMoving = true;
      moving = move();
      await wait(1000);
    },
    async end() {
      isMoving = false;
      await moving;
    },
    close: () => cluster.close(),
  };
}

const [secondsMs, patientMs, impatientMs] = [18_000, 30_000, 8000];
const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

export const calamities: readonly Calamity[] = [
  {
    name: 'stopped',
    lastsMs: secondsMs,
    timeoutMs: impatientMs,
    survivors: 'none',
    open: onServer(durable, stopped),
  },
  {
    name: 'replica',
    lastsMs: secondsMs,
    timeoutMs: impatientMs,
    survivors: 'readers',
    open: onServer([], replica),
  },
  {
    name: 'replica without its primary',
    lastsMs: secondsMs,
    timeoutMs: impatientMs,
    survivors: 'none',
    open: onServer(['--replica-serve-stale-data', 'no'], replica),
  },
  {
    name: 'black hole',
    lastsMs: secondsMs,
    timeoutMs: impatientMs,
    survivors: 'none',
    open: onServer([], blackHole),
  },
  {
    name: 'MISCONF 4 s',
    lastsMs: 4000,
    timeoutMs: patientMs,
    survivors: 'all',
    open: onServer([], unsaved),
  },
  {
    name: 'MISCONF 20 s',
    lastsMs: 20_000,
    timeoutMs: impatientMs,
    survivors: 'readers',
    open: onServer([], unsaved),
  },
  { name: 'full 15 s', lastsMs: 15_000, timeoutMs: patientMs, survivors: 'all', open: onServer([], full) },
  {
    name: 'maxclients',
    lastsMs: secondsMs,
    timeoutMs: impatientMs,
    survivors: 'none',
    open: onServer([], noConnections),
  },
  { name: 'no INFO', lastsMs: 4000, timeoutMs: impatientMs, survivors: 'all', open: withoutInfo },
  { name: 'failover', lastsMs: 4000, timeoutMs: patientMs, survivors: 'all', open: failover },
  { name: 'slot move', lastsMs: 10_000, timeoutMs: patientMs, survivors: 'all', open: slotMove },
];
