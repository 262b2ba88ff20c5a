import { messageOf, QuarterdeckError, WrongTypeError } from '../../errors.ts';
import type { Listed } from '../../library-types.ts';
import { Allowance, CutError, mostOfAll, mostOfOne } from '../../redis/allowance.ts';
import { type Client, isCluster, masters } from '../../redis/client.ts';
import { nameInKey, requireKeyName } from '../../redis/keys.ts';
import { refused } from '../../redis/refusals.ts';
import { listed } from '../../redis/registry.ts';
import { asArray, asCount, asInteger, asText, ifReadable } from '../../redis/reply.ts';
import { scan } from '../../redis/scan.ts';
import { defineScript } from '../../redis/script.ts';
import { namesCutTexts, onlyText } from '../../ui/format.ts';
import { warn } from '../../warnings.ts';
import { ReplyError } from './batch.ts';
import { type LockKeys, lockKeys, lockMistake } from './holder/scripts.ts';
import inspectLua from './inspect.lua';
import { type Owner, ownerOf } from './token.ts';

/** What Redis knows of one lock. */
export type Status = {
  readonly name: string;
  /** Undefined: nobody holds it. Of a longer one, as other programs may write it, the first 2048 bytes. */
  readonly token: string | undefined;
  /** Undefined for the holder of another program, whose token tells nothing, and where there is none. */
  readonly owner: Owner | undefined;
  /** Of our holders only; others take none. */
  readonly fence: number | undefined;
  readonly heldMs: number | undefined;
  /** Undefined: it never ends by itself, or nobody holds it. */
  readonly ttlMs: number | undefined;
  /** The length of the queue. */
  readonly waiting: number;
  /**
   * From the head of the queue; all of them unless fewer were asked for, they are more than 8 MiB, or the arrival of one
   * cannot be read.
   */
  readonly waiters: readonly Waiter[];
};

export type Waiter = Owner & { readonly waitedMs: number };

/** A lock of which something cannot be read. */
export type Unreadable = { readonly name: string; readonly key: string; readonly error: Error };

export type Inspection = {
  /** Those that are held or waited for. */
  readonly locks: readonly Status[];
  readonly unreadable: readonly Unreadable[];
  /** The names that were not looked at because the allowance was spent. */
  readonly rest: readonly string[];
};

/** How much of each lock is wanted, and of all. */
export type Look = {
  /** How many waiters of each. */
  readonly most: number;
  /** Bytes of a token: with fewer than 2048 only whether a lock is held is known, and not by whom. */
  readonly longest?: number;
  /** Unless given, all are looked at. */
  readonly allowance?: Allowance;
};

/** Of three keys each: no command has more than 3,000 words. */
const namesAtOnce = 990;
const waitersAtOnce = 1000;

/** What is read of a token; no token of ours is longer. */
const longestToken = 2048;
const replyBytes = 262_144;

const inspectScript = defineScript({ lua: inspectLua, parse: asArray });

/** Looks at these locks: a thousand of them a command where that is no long reply, in Cluster one. */
export async function inspect(redis: Client, names: readonly string[], look: Look): Promise<Inspection> {
  const pages: Inspection[] = [];
  // In Cluster each lock lies in a slot of its own.
  const [step, abreast] = isCluster(redis) ? [1, 64] : [namesAtOnce, 2];
  let rest = names;
  while (rest.length > 0 && !look.allowance?.isSpent) {
    const some = rest.slice(0, step * abreast);
    const asked = Array.from({ length: Math.ceil(some.length / step) }, (_, index) =>
      inspectPage(redis, some.slice(index * step, (index + 1) * step), 0, look),
    );
    const found = await Promise.all(asked);
    pages.push(...found);
    rest = [...found.flatMap((page) => page.rest), ...rest.slice(some.length)];
  }
  return {
    locks: pages.flatMap(({ locks }) => locks),
    unreadable: pages.flatMap(({ unreadable }) => unreadable),
    rest,
  };
}

async function inspectPage(
  redis: Client,
  names: readonly string[],
  first: number,
  { most, longest = longestToken, allowance }: Look,
): Promise<Inspection> {
  const keys = names.map((name) => lockKeys(redis, name));
  const words = keys.flatMap(({ lock, queue, fence }) => [lock, queue, fence]);
  const budget = Math.min(replyBytes, allowance?.bytes ?? replyBytes);
  const [nowUs, ...each] = await inspectScript(redis, words, [first, most, longest, budget]);
  allowance?.take(each);
  const locks: Status[] = [];
  const unreadable: Unreadable[] = [];
  for (const [index, reply] of each.entries()) {
    const name = names[index] ?? '';
    const found = asArray(reply);
    const { lock, fence } = keys[index] ?? lockKeys(redis, name);
    if (found.length === 2) {
      const key = asText(found[0]);
      unreadable.push({ name, key, error: errorOf(key, key === lock ? 'string' : 'zset', found[1]) });
      continue;
    }
    if (found[2] === null)
      unreadable.push({ name, key: fence, error: errorOf(fence, 'string', 'WRONGTYPE') });
    const status = statusOf(
      name,
      keys[index] ?? lockKeys(redis, name),
      asInteger(nowUs),
      found,
      (key, error) => {
        if (!unreadable.some((other) => other.key === key)) unreadable.push({ name, key, error });
      },
    );
    if (status.token !== undefined || status.waiting > 0) locks.push(status);
  }
  return { locks, unreadable, rest: names.slice(each.length) };
}

function errorOf(key: string, expected: string, reply: unknown): Error {
  const error = new ReplyError(asText(reply));
  if (error.message.startsWith('WRONGTYPE')) return new WrongTypeError(key, expected, { cause: error });
  const explained = refused(error);
  return explained instanceof Error ? explained : error;
}

function statusOf(
  name: string,
  keys: Pick<LockKeys, 'queue' | 'fence'>,
  nowUs: number,
  [holder, pttl, fenceText, waiting, ...queue]: readonly unknown[],
  onUnreadable: (key: string, error: Error) => void,
): Status {
  const left = asInteger(pttl);
  const token = left === -2 ? undefined : asText(holder);
  const owner = token === undefined ? undefined : ownerOf(token);
  const isFenced = owner !== undefined && typeof fenceText === 'string' && fenceText !== '';
  const fence = isFenced
    ? ifReadable(
        () => asCount(fenceText, keys.fence),
        (error) => onUnreadable(keys.fence, error),
      )
    : undefined;
  const waiters = Array.from({ length: queue.length / 2 }, (_, index) => {
    const who = ownerOf(asText(queue[index * 2])) ?? { host: '?', pid: 0, label: '' };
    const arrivedUs = ifReadable(
      () => asCount(queue[index * 2 + 1], keys.queue),
      (error) => onUnreadable(keys.queue, error),
    );
    return arrivedUs === undefined ? [] : [{ ...who, waitedMs: elapsedMs(nowUs, arrivedUs) }];
  });
  return {
    name,
    token,
    owner,
    fence,
    // The fence is the time of the grant, unless the server's clock stepped back since.
    heldMs: fence === undefined ? undefined : elapsedMs(nowUs, fence),
    ttlMs: left >= 0 ? left : undefined,
    waiting: asInteger(waiting),
    waiters: waiters.flat(),
  };
}

function elapsedMs(nowUs: number, thenUs: number): number {
  return Math.max(0, Math.round((nowUs - thenUs) / 1000));
}

/** How many waiters come with the lock itself; of the few longer queues the rest is asked for. */
const waitersAtFirst = 20;

/** Locks, and what is missing, in sentences. */
export type Listing = Omit<Inspection, 'rest'> & { readonly cuts: readonly string[] };

/**
 * These locks, by name, with everybody who waits, as far as that is bearable.
 * @param most how many waiters of each, if not all are wanted
 */
export async function inspectAll(
  redis: Client,
  names: readonly string[],
  most = Number.POSITIVE_INFINITY,
): Promise<Listing> {
  const allowance = new Allowance(mostOfAll);
  const look = { most: Math.min(most, waitersAtFirst), allowance };
  const { locks, unreadable: atFirst, rest } = await inspect(redis, names.toSorted(), look);
  const unreadable = [...atFirst];
  const complete: Status[] = [];
  const cuts: string[] = [];
  const damaged = new Set(unreadable.map(({ key }) => key));
  for (const lock of locks) {
    if (damaged.has(lockKeys(redis, lock.name).queue)) {
      complete.push(lock);
      continue;
    }
    const one = await withAllWaiters(redis, lock, most, allowance, (bad) => unreadable.push(...bad));
    complete.push(one);
    const [read, wanted] = [one.waiters.length, Math.min(most, one.waiting)];
    if (read < wanted) cuts.push(onlyText(read, wanted, `waiters of \`${one.name}\``, mostOfOne));
  }
  if (rest.length > 0) cuts.push(onlyText(names.length - rest.length, names.length, 'locks', mostOfAll));
  return { locks: complete, unreadable, cuts };
}

/** Every lock in the index. */
export async function inspectListed(redis: Client, most?: number): Promise<Listing> {
  const known = await listed(redis, 'lock');
  const found = await inspectAll(redis, known.names, most);
  return { ...found, cuts: [...namesCutTexts(known), ...found.cuts] };
}

async function withAllWaiters(
  redis: Client,
  lock: Status,
  most: number,
  all: Allowance,
  onUnreadable: (unreadable: readonly Unreadable[]) => void,
): Promise<Status> {
  const wanted = Math.min(lock.waiting, most);
  const allowance = new Allowance(mostOfOne, all);
  const waiters = [...lock.waiters];
  while (waiters.length < wanted && !allowance.isSpent) {
    const look = { most: Math.min(waitersAtOnce, wanted - waiters.length), allowance };
    const { locks, unreadable } = await inspectPage(redis, [lock.name], waiters.length, look);
    const next = locks[0]?.waiters ?? [];
    const inQueue = unreadable.filter(({ key }) => key === lockKeys(redis, lock.name).queue);
    if (inQueue.length > 0) {
      onUnreadable(inQueue);
      return { ...lock, waiters: [...waiters, ...next] };
    }
    // The queue has become shorter meanwhile.
    if (next.length === 0) return { ...lock, waiters, waiting: waiters.length };
    waiters.push(...next);
  }
  return { ...lock, waiters };
}

/**
 * Every lock that is held or waited for, by name, with everybody who waits. With `limit` only of so many names, those
 * used last; with `discover` also those of other programs. One whose keys belong to something else is left out with a
 * warning.
 */
export async function list(
  redis: Client,
  { limit, discover, signal, onEvent }: Listed = {},
): Promise<Status[]> {
  const found = discover ? (await discoverNames(redis, signal)).names : [];
  signal?.throwIfAborted();
  const known = await listed(redis, 'lock', limit);
  const names = new Set([...known.names, ...found]);
  const { locks, unreadable, cuts } = await inspectAll(redis, [...names].slice(0, limit));
  for (const { error } of unreadable) if (QuarterdeckError.is(error)) warn(onEvent, error);
  for (const cut of [...namesCutTexts(known), ...cuts]) warn(onEvent, new CutError(cut));
  return [...locks];
}

/**
 * One lock, also when nobody holds it or waits for it.
 * @throws {WrongTypeError} if one of its keys belongs to something else
 */
export async function status(redis: Client, name: string): Promise<Status> {
  requireKeyName(redis, name, lockMistake);
  const { locks, unreadable } = await inspectAll(redis, [name]);
  const [first] = unreadable;
  if (first) throw first.error;
  const free = { owner: undefined, fence: undefined, heldMs: undefined, ttlMs: undefined };
  return locks[0] ?? { name, token: undefined, ...free, waiting: 0, waiters: [] };
}

/** 40,000 keys a second: some 3 % of a server's time. */
const scanning = { match: 'lock:*', type: 'string', count: 2000, perSecond: 20 };

/**
 * Looks through all keys for locks, such as those that other programs hold, at a bounded rate. Passed over are keys
 * whose names are no text, or stand for no name in a cluster.
 */
export async function discoverNames(
  redis: Client,
  signal?: AbortSignal,
): Promise<{ readonly names: readonly string[]; readonly passedOver: readonly string[] }> {
  const names = new Set<string>();
  const passedOver = new Set<string>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { ...scanning, ...(signal && { signal }) })) {
      for (const key of keys) {
        const name = nameInKey(redis, key.slice('lock:'.length));
        if (name === undefined || name.includes('\uFFFD')) passedOver.add(key);
        else names.add(name);
      }
    }
  }
  return { names: [...names], passedOver: [...passedOver] };
}

/** One that cannot be read, in a sentence. */
export function unreadableText({ name, key, error }: Unreadable): string {
  return `Lock \`${name}\` cannot be read: ${error instanceof WrongTypeError ? `key \`${key}\` holds other data` : messageOf(error)}`;
}
