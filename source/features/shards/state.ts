import { initialList, type List, type ListState } from '../../ui/list.ts';
import { type Condition, severities } from './condition.ts';

/** What the pane knows of the servers, and which of them the operator looks at. */
export type Server = {
  readonly shard: number;
  readonly url: string;
  readonly role: string;
  readonly state: Condition;
  readonly usedBytes: number | null;
  readonly maxBytes: number | null;
  readonly opsPerSec: number | null;
  readonly clients: number | null;
  readonly keys: number | null;
  readonly slots?: number;
  readonly lagSeconds?: number;
};

export type ShardsSlice = {
  readonly servers: readonly Server[];
  /** In words: what changed of roles and states, newest last. */
  readonly events: readonly { readonly text: string; readonly atMs: number }[];
  /** Why the list of servers is not the one their data was written with. */
  readonly orderMistake: string | undefined;
  readonly list: ListState;
};

export const initial: ShardsSlice = { servers: [], events: [], orderMistake: undefined, list: initialList };

const mostEvents = 50;

/** Takes a reading in; figures that only jitter stay as they were, so that idle servers paint nothing. */
export function learn(
  slice: ShardsSlice,
  servers: readonly Server[],
  orderMistake: string | undefined,
  nowMs: number,
): ShardsSlice {
  const before = new Map(slice.servers.map((server) => [server.url, server]));
  const news = servers.flatMap((server) => changeOf(before.get(server.url), server));
  const steadied = servers.map((server) => steady(before.get(server.url), server));
  const isSame =
    news.length === 0 &&
    orderMistake === slice.orderMistake &&
    steadied.length === slice.servers.length &&
    steadied.every((server, index) => server === slice.servers[index]);
  if (isSame) return slice;
  return {
    servers: steadied,
    events: [...slice.events, ...news.map((text) => ({ text, atMs: nowMs }))].slice(-mostEvents),
    orderMistake,
    list: slice.list,
  };
}

/** `127.0.0.1:7001`, `run/one.sock`: what is left of a URL that all servers share the rest of. */
export function shortName(url: string): string {
  if (url.startsWith('unix:')) return url.split('/').slice(-2).join('/');
  return url.replace(/^rediss?:\/\//, '');
}

function changeOf(before: Server | undefined, now: Server): string[] {
  if (!before) return [];
  const name = shortName(now.url);
  const news: string[] = [];
  if (before.role !== now.role && now.role !== 'unknown' && before.role !== 'unknown') {
    news.push(now.role === 'primary' ? `${name} was promoted to primary` : `${name} became a replica`);
  }
  if (before.state !== now.state) news.push(`${name} is ${now.state}, was ${before.state}`);
  return news;
}

function steady(before: Server | undefined, now: Server): Server {
  if (!before) return now;
  const held = {
    ...now,
    usedBytes: hold(before.usedBytes, now.usedBytes, 0.02, 1024 * 1024),
    opsPerSec: hold(before.opsPerSec, now.opsPerSec, 0.1, 20),
    clients: hold(before.clients, now.clients, 0, 0),
    lagSeconds: now.lagSeconds === undefined ? undefined : hold(before.lagSeconds ?? 0, now.lagSeconds, 0, 1),
  };
  const { lagSeconds, ...rest } = held;
  const next: Server = lagSeconds === undefined ? rest : { ...rest, lagSeconds };
  const fields = Object.keys({ ...before, ...next }) as (keyof Server)[];
  return fields.every((field) => before[field] === next[field]) ? before : next;
}

function hold<Figure extends number | null>(
  shown: Figure,
  measured: Figure,
  share: number,
  least: number,
): Figure {
  if (shown === null || measured === null) return measured;
  return Math.abs(measured - shown) <= Math.max(shown * share, least) ? shown : measured;
}

function urgencyOf({ state }: Server): number {
  return { bad: 2, warn: 1, fine: 0 }[severities[state] ?? 'fine'];
}

export const shardsList: List<ShardsSlice, Server> = {
  rows: ({ servers }) => servers.toSorted((a, b) => urgencyOf(b) - urgencyOf(a)),
  id: ({ url }) => url,
  name: ({ url }) => shortName(url),
  texts: ({ url, role, state }) => [shortName(url), role, state],
  columns: ['state', '#', 'server', 'role', 'memory', 'bar', 'cmd/s', 'repl', 'clients', 'keys', 'slots'],
  units: { memory: 'bytes' },
  fields: {
    state: ({ state }) => state,
    server: ({ url }) => shortName(url),
    role: ({ role }) => role,
    memory: ({ usedBytes }) => usedBytes ?? undefined,
    'cmd/s': ({ opsPerSec }) => opsPerSec ?? undefined,
    repl: ({ lagSeconds }) => lagSeconds,
    clients: ({ clients }) => clients ?? undefined,
    keys: ({ keys }) => keys ?? undefined,
    slots: ({ slots }) => slots,
  },
};

export const clusterSlots = 16_384;

/** How many slots of a cluster have a server that answers; undefined outside of one. */
export function servedSlots({ servers }: ShardsSlice): number | undefined {
  if (!servers.some(({ slots }) => slots !== undefined)) return;
  return servers.filter(({ state }) => state !== 'down').reduce((sum, { slots = 0 }) => sum + slots, 0);
}
