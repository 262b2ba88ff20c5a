import calculateSlot from 'cluster-key-slot';
import { Cluster, type ClusterOptions, type Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './until.ts';

/**
 * A real cluster of private servers, up in about two seconds. `client()` has the settings of our own connections.
 * `moveSlotOf(key)` moves the slot of a key to the next primary while clients go on, as a resharding does.
 */
export type RedisCluster = {
  /** Of the primaries, in the order of their slots. */
  readonly urls: readonly string[];
  readonly primaries: readonly RedisServer[];
  readonly replicas: readonly RedisServer[];
  client(options?: Omit<ClusterOptions, 'redisOptions'>): Cluster;
  /** Deletes every key. */
  flush(): Promise<void>;
  moveSlotOf(key: string): Promise<void>;
  /** The server that owned this key's slot at the start. */
  primaryOf(key: string): Redis;
  /** SIGKILL to that server; with replicas one of them takes over after about two seconds. */
  killPrimaryOf(key: string): Promise<void>;
  close(): Promise<void>;
};

type Node = {
  readonly server: RedisServer;
  readonly port: number;
  readonly busPort: number;
  readonly ask: Redis;
};

const slotCount = 16_384;

export async function startCluster({
  primaries: primaryCount = 3,
  replicasEach = 0,
}: {
  primaries?: number;
  replicasEach?: number;
} = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: primaryCount * (1 + replicasEach) }, async (_, index): Promise<Node> => {
      const [port, busPort] = [await freePort(), await freePort()];
      const server = await startRedis(
        ...['--port', String(port), '--cluster-port', String(busPort), '--cluster-enabled', 'yes'],
        ...['--cluster-node-timeout', '1000', '--repl-diskless-sync-delay', '0'],
      );
      const ask = server.client();
      await ask.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      return { server, port, busPort, ask };
    }),
  );
  const primaries = nodes.slice(0, primaryCount);
  const replicas = nodes.slice(primaryCount);
  const [first, ...others] = nodes;
  if (!first) throw new Error('Expected at least one primary');

  await Promise.all(
    primaries.map(({ ask }, index) => {
      const [from, to] = slotsOf(index, primaryCount);
      return ask.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    }),
  );
  for (const { port, busPort } of others) {
    await first.ask.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPort));
  }
  await settled(nodes, () => `cluster_known_nodes:${nodes.length}`);
  for (const [index, { ask }] of replicas.entries()) {
    await ask.call('CLUSTER', 'REPLICATE', await idOf(primaries[index % primaryCount]));
  }
  await settled(nodes, () => 'cluster_state:ok');
  for (const { ask } of replicas) {
    await until(
      async () => (await ask.info('replication')).includes('master_link_status:up'),
      'a replica in sync',
    );
  }

  // A busy machine may keep a server waiting for a second. Where nobody can take over, nobody need give up on it.
  if (replicasEach === 0)
    await Promise.all(nodes.map(({ ask }) => ask.config('SET', 'cluster-node-timeout', '10000')));

  const clients = new Set<Cluster>();
  return {
    urls: primaries.map(({ port }) => `redis://127.0.0.1:${port}`),
    primaries: primaries.map(({ server }) => server),
    replicas: replicas.map(({ server }) => server),
    client(options = {}) {
      const startup = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
      const cluster = new Cluster(startup, {
        maxRedirections: 64,
        retryDelayOnFailover: 100,
        retryDelayOnClusterDown: 100,
        retryDelayOnTryAgain: 50,
        shardedSubscribers: true,
        ...options,
      });
      cluster.on('error', () => {});
      clients.add(cluster);
      return cluster;
    },
    async flush() {
      await Promise.all(primaries.map(({ ask }) => ask.flushall()));
    },
    moveSlotOf: (key) => moveSlotOf(key, primaries),
    primaryOf: (key) => firstOwner(key, primaries).ask,
    killPrimaryOf: (key) => firstOwner(key, primaries).server.stop('SIGKILL'),
    async close() {
      for (const cluster of clients) cluster.disconnect();
      await Promise.all(nodes.map(({ server }) => server.close()));
    },
  };
}

async function settled(nodes: readonly Node[], line: () => string): Promise<void> {
  for (const { ask } of nodes) {
    await until(async () => String(await ask.call('CLUSTER', 'INFO')).includes(line()), line());
  }
}

async function idOf(node: Node | undefined): Promise<string> {
  return String(await node?.ask.call('CLUSTER', 'MYID'));
}

async function moveSlotOf(key: string, primaries: readonly Node[]): Promise<void> {
  const slot = String(await primaries[0]?.ask.call('CLUSTER', 'KEYSLOT', key));
  const owner = await ownerOf(slot, primaries);
  const target = primaries[(primaries.indexOf(owner) + 1) % primaries.length] ?? owner;
  const [fromId, toId] = [await idOf(owner), await idOf(target)];
  await target.ask.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
  await owner.ask.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
  for (;;) {
    const keys = (await owner.ask.call('CLUSTER', 'GETKEYSINSLOT', slot, '100')) as string[];
    if (keys.length === 0) break;
    const where = ['127.0.0.1', String(target.port), '', '0', '5000'];
    await owner.ask.call('MIGRATE', ...where, 'KEYS', ...keys);
  }
  for (const { ask } of [target, owner, ...primaries]) {
    await ask.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
  }
}

function slotsOf(index: number, count: number): readonly [number, number] {
  return [Math.ceil((slotCount * index) / count), Math.ceil((slotCount * (index + 1)) / count) - 1];
}

function firstOwner(key: string, primaries: readonly Node[]): Node {
  const slot = calculateSlot(key);
  const owner = primaries.find((_, index) => {
    const [from, to] = slotsOf(index, primaries.length);
    return from <= slot && slot <= to;
  });
  if (!owner) throw new Error(`Nobody owns slot ${slot}`);
  return owner;
}

async function ownerOf(slot: string, primaries: readonly Node[]): Promise<Node> {
  for (const node of primaries) {
    // Only the owner counts; the others answer MOVED or nothing.
    const ranges = (await node.ask.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const range = ranges.find(([from, to]) => from <= Number(slot) && Number(slot) <= to);
    const owner = primaries.find(({ port }) => port === range?.[2][1]);
    if (owner) return owner;
  }
  throw new Error(`Nobody owns slot ${slot}`);
}
