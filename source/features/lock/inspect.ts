import { type Client, isCluster } from '../../redis/client.ts';
import { masters } from '../../redis/connect.ts';
import { registered, registryKey, unregister } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { scan } from '../../redis/scan.ts';
import { defineScript } from '../../redis/script.ts';
import figuresLua from './inspect.lua';
import { lockKeys } from './scripts.ts';
import { type Owner, ownerOf } from './token.ts';

/** What Redis knows of one lock that is held or waited for. */
export type LockFigures = {
  readonly name: string;
  /** Empty: nobody holds it just now. */
  readonly token: string;
  /** Undefined for the holder of another program, whose token tells nothing. */
  readonly owner: Owner | undefined;
  /** Of our holders only; others take none. */
  readonly fence: number | undefined;
  readonly heldMs: number | undefined;
  /** Undefined: it never ends by itself. */
  readonly ttlMs: number | undefined;
  /** The length of the queue. */
  readonly waiting: number;
  /** From the head of the queue. */
  readonly waiters: readonly (Owner & { readonly waitedMs: number })[];
};

export type Survey = {
  readonly nowMs: number;
  readonly locks: readonly LockFigures[];
  /** Names in the index that nobody holds or waits for. */
  readonly idle: readonly string[];
  /** Keys under these names hold other data. */
  readonly wrong: readonly string[];
};

type Figures = { readonly nowUs: number; readonly each: readonly (readonly (string | number)[])[] };

const figuresScript = defineScript({
  lua: figuresLua,
  parse(reply): Figures {
    const [nowUs, ...each] = reply as [number, ...(string | number)[][]];
    return { nowUs, each };
  },
});

/** One command; in Cluster one for each name. */
export async function survey(redis: Client, names: readonly string[], mostWaiters: number): Promise<Survey> {
  const ask = (some: readonly string[]): Promise<Figures> => {
    const keys = some.flatMap((name) => {
      const { lock, queue, fence } = lockKeys(redis, name);
      return [lock, queue, fence];
    });
    return figuresScript(redis, keys, [mostWaiters]);
  };
  const told = await (isCluster(redis)
    ? Promise.all(names.map((name) => ask([name])))
    : Promise.all(names.length === 0 ? [] : [ask(names)]));
  const each = told.flatMap((figures) => figures.each.map((words) => ({ nowUs: figures.nowUs, words })));

  const locks: LockFigures[] = [];
  const idle: string[] = [];
  const wrong: string[] = [];
  for (const [index, { nowUs, words }] of each.entries()) {
    const name = names[index] ?? '';
    if (words.length === 0) {
      wrong.push(name);
      continue;
    }
    const figures = figuresOf(name, nowUs, words);
    if (figures.token === '' && figures.waiting === 0) idle.push(name);
    else locks.push(figures);
  }
  return { nowMs: Math.floor((each[0]?.nowUs ?? 0) / 1000), locks, idle, wrong };
}

function figuresOf(name: string, nowUs: number, words: readonly (string | number)[]): LockFigures {
  const [holder = '', pttl = -2, fence = '', waiting = 0, ...queue] = words;
  const token = String(holder);
  const owner = ownerOf(token);
  const waiters = Array.from({ length: queue.length / 2 }, (_, index) => {
    const who = ownerOf(String(queue[index * 2])) ?? { host: '?', pid: 0, label: '' };
    return { ...who, waitedMs: elapsedMs(nowUs, Number(queue[index * 2 + 1])) };
  });
  return {
    name,
    token,
    owner,
    fence: owner && fence !== '' ? Number(fence) : undefined,
    // The fence tells the time of the grant to a tenth of a second, unless the server's clock stepped back since.
    heldMs: owner && fence !== '' ? elapsedMs(nowUs, Number(fence)) : undefined,
    ttlMs: Number(pttl) >= 0 ? Number(pttl) : undefined,
    waiting: Number(waiting),
    waiters,
  };
}

function elapsedMs(nowUs: number, thenUs: number): number {
  return Math.max(0, Math.round((nowUs - thenUs) / 1000));
}

/** Every lock of ours that is held or waited for, by name, with everybody who waits. */
export async function list(redis: Client): Promise<readonly LockFigures[]> {
  return (await survey(redis, (await known(redis)).toSorted(), 1000)).locks;
}

/** Names that the index holds, most recently used first. */
export function known(redis: Client, limit?: number): Promise<string[]> {
  return registered(redis, 'lock', limit);
}

const forgetAfterMs = 600_000;

/** Takes names out of the index that nobody has used for ten minutes: a name made for one job stays no longer. */
export async function forgetIdle(redis: Client, nowMs: number, idle: readonly string[]): Promise<void> {
  if (idle.length === 0) return;
  const used = await retryAborted(() => redis.zmscore(registryKey('lock'), ...idle));
  const old = idle.filter((_, index) => Number(used[index] ?? 0) < nowMs - forgetAfterMs);
  await unregister(redis, 'lock', ...old);
}

/** Looks through all keys for locks that other programs hold, at a bounded rate. */
export async function discover(redis: Client, signal?: AbortSignal): Promise<string[]> {
  const names = new Set<string>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { match: 'lock:*', type: 'string', ...(signal && { signal }) })) {
      for (const key of keys) {
        const name = key.slice('lock:'.length);
        const untagged = isCluster(redis) ? /^\{([^{}]*)\}$/.exec(name)?.[1] : undefined;
        names.add(untagged ?? name);
      }
    }
  }
  return [...names];
}
