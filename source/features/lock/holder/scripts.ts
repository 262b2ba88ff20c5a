import { messageOf, WrongTypeError } from '../../../errors.ts';
import { publishCommand } from '../../../redis/channels.ts';
import type { Client } from '../../../redis/client.ts';
import { keyFamily } from '../../../redis/keys.ts';
import { refusedScript } from '../../../redis/refusals.ts';
import { asArray, asInteger, asText, asTexts } from '../../../redis/reply.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { nameMistake } from '../../../values.ts';
import { batched } from '../batch.ts';
import { nonceOf } from '../token.ts';
import acquireLua from './acquire.lua';
import extendLua from './extend.lua';
import releaseLua from './release.lua';
import waitLua from './wait.lua';

/** The keys of one lock, and the start of the channels on which its waiters are notified. */
export type LockKeys = {
  readonly lock: string;
  readonly queue: string;
  readonly fence: string;
  readonly waiting: string;
  readonly wake: string;
  /** What each key should hold, to tell which one belongs to somebody else. */
  readonly types: Readonly<Record<string, 'string' | 'zset' | 'hash'>>;
};

/** How long a waiter may be late in saying that it lives. */
const leaseMs = 5000;
/** How often a waiter asks at least that is notified of a grant on its channel, and one that is not. */
export const heartbeatMs = { heard: 30_000, unheard: 1000 };

/** Why no lock can be called so. Of any length, for locks that `sync` names after paths; what people name is a `name`. */
export function lockMistake(name: unknown): string | undefined {
  return nameMistake(name, Number.POSITIVE_INFINITY);
}

export function lockKeys(client: Client, name: string): LockKeys {
  const keys = keyFamily(client, name, {
    lock: 'lock:*',
    queue: 'lock-queue:*',
    fence: 'lock-fence:*',
    waiting: 'lock-waiting:*',
    wake: 'lock-wake:*:',
  });
  const types = {
    [keys.lock]: 'string',
    [keys.queue]: 'zset',
    [keys.fence]: 'string',
    [keys.waiting]: 'hash',
  } as const;
  return { ...keys, types };
}

// They are batched here, so ioredis need not wait for more; and all go out in the order in which they were asked for.
const acquireScript = defineScript({ lua: acquireLua, parse: asArray, immediate: true });
const releaseScript = defineScript({ lua: releaseLua, parse: asArray, immediate: true });
const extendScript = defineScript({ lua: extendLua, parse: asInteger, immediate: true });
const waitScript = defineScript({
  lua: waitLua,
  immediate: true,
  parse(reply): Waited {
    const [token, fence, holder, pttl, rank, lastFence, ...arrivals] = asArray(reply);
    return {
      granted: token === '' ? undefined : { token: asText(token), fence: asInteger(fence) },
      holder: asText(holder),
      pttlMs: asInteger(pttl),
      rank: asInteger(rank),
      lastFence: asInteger(lastFence),
      arrivals: asTexts(arrivals),
    };
  },
});

type Granted = { readonly token: string; readonly fence: number };
export type Released = { readonly wasHeld: boolean; readonly granted?: Granted };
export type Waited = {
  readonly granted: Granted | undefined;
  /** Who holds it now: the first 2048 bytes of that. */
  readonly holder: string;
  /** -1: the lock has no TTL; -2: nobody holds it. */
  readonly pttlMs: number;
  readonly rank: number;
  /** Whoever still waits will be granted a higher one. */
  readonly lastFence: number;
  readonly arrivals: readonly string[];
};
export type Place = { readonly token: string; readonly ttlMs: number; readonly arrival: string };

type Taking = { readonly keys: LockKeys; readonly token: string; readonly ttlMs: number };

const take = batched<Taking, number>((client, calls) => {
  const keys: string[] = [];
  const words: (string | number)[] = [];
  for (const call of calls) {
    keys.push(call.keys.lock, call.keys.queue, call.keys.fence);
    words.push(call.token, call.ttlMs);
  }
  return acquireScript(client, keys, words);
}, asInteger);

/** @throws {WrongTypeError | DeniedError} naming the key that belongs to somebody else, or the right that is missing */
async function checked<Reply>(
  client: Client,
  { types, fence }: LockKeys,
  lua: string,
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (messageOf(error).includes('not an integer')) {
      throw new WrongTypeError(fence, 'whole number', { cause: error });
    }
    // What comes out of a batch has not been looked at yet.
    const explained = await refusedScript(client, error, { lua, keys: Object.keys(types) });
    return await typed(client, types, Promise.reject(explained));
  }
}

/** The fence, or 0: held by another, or -1: free, but there is a queue. */
export function takeFree(client: Client, keys: LockKeys, token: string, ttlMs: number): Promise<number> {
  return checked(client, keys, acquireLua, take(client, { keys, token, ttlMs }));
}

/** The fence, or 0: not held by this token. */
export function extendTtl(client: Client, keys: LockKeys, token: string, ttlMs: number): Promise<number> {
  return checked(client, keys, extendLua, extendScript(client, [keys.lock, keys.fence], [token, ttlMs]));
}

const give = batched<{ readonly keys: LockKeys; readonly token: string }, Released>(
  (client, calls) => {
    const keys: string[] = [];
    const words: string[] = [nonceOf(client)];
    for (const call of calls) {
      keys.push(call.keys.lock, call.keys.queue, call.keys.fence, call.keys.waiting);
      words.push(call.token);
    }
    return releaseScript(client, keys, words);
  },
  (reply) => {
    if (!Array.isArray(reply)) return { wasHeld: asInteger(reply) === 1 };
    const [token, fence] = reply;
    return { wasHeld: true, granted: { token: asText(token), fence: asInteger(fence) } };
  },
);

/** Frees the lock, or the place in its queue. */
export function giveUp(client: Client, keys: LockKeys, token: string): Promise<Released> {
  return checked(client, keys, releaseLua, give(client, { keys, token }));
}

/** So many places go into one command. */
export const mostPlaces = 900;

/**
 * Queues (or with `stay` false asks once) for every place; hands a free lock to whoever is first.
 * @param isHearing whether this client hears on its channel of a grant; if not it must ask every second
 */
export function queueUp(
  client: Client,
  keys: LockKeys,
  places: readonly Place[],
  { stay, isHearing }: { readonly stay: boolean; readonly isHearing: boolean },
): Promise<Waited> {
  const { lock, queue, fence, waiting } = keys;
  const hears = `${publishCommand(client)} ${isHearing ? channelOf(client, keys) : ''}`;
  const longestMs = isHearing ? heartbeatMs.heard : heartbeatMs.unheard;
  const words = [nonceOf(client), hears, leaseMs, longestMs, stay ? 1 : 0];
  const triples = places.flatMap(({ token, ttlMs, arrival }) => [token, ttlMs, arrival]);
  return checked(
    client,
    keys,
    waitLua,
    waitScript(client, [lock, queue, fence, waiting], [...words, ...triples]),
  );
}

/** Where this client hears that one of its waiters was given the lock: `TOKEN FENCE`. */
export function channelOf(client: Client, keys: LockKeys): string {
  return keys.wake + nonceOf(client);
}
