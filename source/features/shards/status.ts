import type { Redis } from 'ioredis';
import { type Client, isCluster } from '../../redis/client.ts';
import type { Connection } from '../../redis/connection/connect.ts';
import { isReplyError } from '../../redis/refusals.ts';
import { parseInfo } from '../../redis/server/parse-info.ts';
import { type Condition, conditionOf } from './condition.ts';

/** One server as an operator sees it: a shard, a node of a cluster, or a member of a Sentinel group. */
export type ServerStatus = {
  /** Its place in the order of `--url`; in a cluster the primaries count in the order of their slots. */
  readonly shard: number;
  readonly url: string;
  readonly role: 'primary' | 'replica' | 'unknown';
  readonly state: Condition;
  /** Of this and the next ones null: not known. */
  readonly usedBytes: number | null;
  /** 0: no limit. */
  readonly maxBytes: number | null;
  readonly opsPerSec: number | null;
  readonly clients: number | null;
  readonly keys: number | null;
  /** How many of the cluster's slots it serves; absent outside a cluster. */
  readonly slots?: number;
  /** How far a replica is behind, in whole seconds as its primary knows it. */
  readonly lagSeconds?: number;
};

const patienceMs = 1000;

/** Every server behind these connections, shard by shard, each primary before its replicas. */
export async function status(connections: readonly Connection[]): Promise<readonly ServerStatus[]> {
  const parts = await Promise.all(
    connections.map((connection, shard) =>
      isCluster(connection.ask) ? ofCluster(connection.ask) : ofServer(connection, shard),
    ),
  );
  return parts.flat();
}

async function ofServer(connection: Connection, shard: number): Promise<readonly ServerStatus[]> {
  const { ask, url, kind } = connection;
  if (connection.state().name === 'lost') return [absent(shard, url)];
  const info = await infoOf(ask);
  if (typeof info === 'string') return [{ ...absent(shard, url), state: info }];
  const own = fromInfo(shard, kind === 'sentinel' ? addressOf(info, url) : url, info);
  return [own, ...replicasIn(info, shard)];
}

/** The replicas a primary knows of, from its own INFO: they are not asked, so only their lag is known. */
function replicasIn(info: Info, shard: number): readonly ServerStatus[] {
  return Object.entries(info)
    .filter(([field]) => /^slave\d+$/.test(field))
    .map(([, text]) => {
      const fields = Object.fromEntries(
        text.split(',').map((pair) => pair.split('=', 2) as [string, string]),
      );
      return {
        ...absent(shard, `redis://${fields.ip}:${fields.port}`),
        role: 'replica' as const,
        state: fields.state === 'online' ? ('up' as const) : ('syncing' as const),
        ...lagOf(fields.lag),
      };
    });
}

async function ofCluster(cluster: Exclude<Client, Redis>): Promise<readonly ServerStatus[]> {
  const topology = await within(String, cluster.cluster('NODES'));
  const nodes = parseNodes(topology === 'down' || topology === 'unknown' ? '' : topology);
  const infos = new Map(
    await Promise.all(
      cluster.nodes('all').map(async (node): Promise<[string, Info | Silence]> => {
        return [`${node.options.host}:${node.options.port}`, await infoOf(node)];
      }),
    ),
  );
  const copies = new Map(
    [...infos.values()]
      .flatMap((info) => (typeof info === 'string' ? [] : replicasIn(info, 0)))
      .map((replica) => [replica.url, replica]),
  );
  const primaries = nodes
    .filter(({ primary }) => primary === undefined)
    .sort((a, b) => a.firstSlot - b.firstSlot);
  const shardOf = new Map(primaries.map(({ id }, shard) => [id, shard]));
  return nodes
    .map((node) => {
      const shard = shardOf.get(node.primary ?? node.id) ?? 0;
      const info = infos.get(node.address);
      const url = `redis://${node.address}`;
      const copy = copies.get(url);
      // One that just joined is known to the others before this process has a connection to it.
      const unasked = { ...absent(shard, url), state: copy?.state ?? ('up' as const) };
      const known =
        info === undefined
          ? unasked
          : typeof info === 'string'
            ? { ...absent(shard, url), state: info }
            : fromInfo(shard, url, info);
      const role = node.primary === undefined ? ('primary' as const) : ('replica' as const);
      const state = node.isFailed ? ('down' as const) : node.isDoubted ? ('failing' as const) : known.state;
      const lagSeconds = copy?.lagSeconds ?? known.lagSeconds;
      return {
        ...known,
        role,
        state,
        ...(role === 'primary' && { slots: node.slots }),
        ...(lagSeconds !== undefined && { lagSeconds }),
      };
    })
    .sort((a, b) => a.shard - b.shard || a.role.localeCompare(b.role) || a.url.localeCompare(b.url));
}

export type ClusterNode = {
  readonly id: string;
  readonly address: string;
  /** The id of the primary it copies; undefined for a primary. */
  readonly primary: string | undefined;
  readonly isFailed: boolean;
  readonly isDoubted: boolean;
  readonly slots: number;
  readonly firstSlot: number;
};

/** The lines of CLUSTER NODES. */
export function parseNodes(text: string): readonly ClusterNode[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id = '', address = '', flags = '', primary = '-', , , , link, ...ranges] = line.split(' ');
      const marks = flags.split(',');
      const spans = ranges
        .filter((range) => !range.startsWith('['))
        .map((range) => range.split('-').map(Number))
        .map(([from = 0, to = from]) => ({ from, to }));
      return {
        id,
        address: address.split('@', 1)[0] ?? '',
        primary: primary === '-' ? undefined : primary,
        isFailed: marks.includes('fail') || marks.includes('noaddr'),
        isDoubted: marks.includes('fail?') || (link === 'disconnected' && !marks.includes('myself')),
        slots: spans.reduce((sum, { from, to }) => sum + to - from + 1, 0),
        firstSlot: spans[0]?.from ?? Number.POSITIVE_INFINITY,
      };
    });
}

type Info = Record<string, string>;

/** Why nothing is known: no answer, or an answer that does not tell, such as a refusal. */
type Silence = 'down' | 'unknown';

async function infoOf(client: Pick<Client, 'info'>): Promise<Info | Silence> {
  return await within(parseInfo, client.info());
}

/** A server that hangs is as good as down for the one who looks. */
async function within<Value>(
  parse: (text: string) => Value,
  reply: Promise<unknown>,
): Promise<Value | Silence> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Silence>((resolve) => {
    timer = setTimeout(() => resolve('down'), patienceMs);
  });
  const answered = reply.then(
    (text) => (typeof text === 'string' ? parse(text) : 'unknown'),
    (error: unknown): Silence => (isReplyError(error) ? 'unknown' : 'down'),
  );
  const answer = await Promise.race([answered, late]);
  clearTimeout(timer);
  return answer;
}

function fromInfo(shard: number, url: string, info: Info): ServerStatus {
  const isPrimary = info.role === 'master';
  return {
    shard,
    url,
    role: isPrimary ? 'primary' : 'replica',
    state: conditionOf(info),
    usedBytes: figureIn(info.used_memory),
    maxBytes: figureIn(info.maxmemory),
    opsPerSec: figureIn(info.instantaneous_ops_per_sec),
    clients: figureIn(info.connected_clients),
    keys: keysIn(info),
    ...(!isPrimary && lagOf(info.master_last_io_seconds_ago)),
  };
}

/** A whole number, exact; null where a server leaves it out, or says something else. */
function figureIn(text: string | undefined): number | null {
  const figure = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(figure) ? figure : null;
}

/** -1: it has no link, and so no lag. */
function lagOf(text: string | undefined): { readonly lagSeconds?: number } {
  const lagSeconds = figureIn(text);
  return lagSeconds === null ? {} : { lagSeconds };
}

/** The sum over its databases: `db0:keys=12,expires=0,…`. An INFO without memory is none with all of its sections. */
function keysIn(info: Info): number | null {
  if (info.used_memory === undefined) return null;
  const counts = Object.entries(info)
    .filter(([field]) => /^db\d+$/.test(field))
    .map(([, text]) => figureIn(/keys=(\d+)/.exec(text)?.[1]));
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0);
}

function addressOf(info: Info, fallback: string): string {
  return info.tcp_port === undefined || info.tcp_port === '0' ? fallback : `redis://:${info.tcp_port}`;
}

function absent(shard: number, url: string): ServerStatus {
  return {
    shard,
    url,
    role: 'unknown',
    state: 'down',
    usedBytes: null,
    maxBytes: null,
    opsPerSec: null,
    clients: null,
    keys: null,
  };
}
