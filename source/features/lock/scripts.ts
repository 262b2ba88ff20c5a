import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';
import { defineScript } from '../../redis/script.ts';
import acquireLua from './acquire.lua';
import extendLua from './extend.lua';
import releaseLua from './release.lua';
import { nonceOf } from './token.ts';
import waitLua from './wait.lua';

/** The keys of one lock, and the start of the channels on which its waiters are told. */
export type LockKeys = {
  readonly lock: string;
  readonly queue: string;
  readonly fence: string;
  readonly waiting: string;
  readonly wake: string;
};

/** How long a waiter may be late in saying that it lives. */
const leaseMs = 5000;
export const heartbeatMs = 30_000;

export function lockKeys(client: Client, name: string): LockKeys {
  return keyFamily(client, name, {
    lock: 'lock:*',
    queue: 'lock-queue:*',
    fence: 'lock-fence:*',
    waiting: 'lock-waiting:*',
    wake: 'lock-wake:*:',
  });
}

const wholeNumber = (reply: unknown): number => {
  if (typeof reply === 'number') return reply;
  throw new TypeError(`Expected a number from the lock script, got ${typeof reply}`);
};

const acquireScript = defineScript({ lua: acquireLua, parse: wholeNumber });
const extendScript = defineScript({ lua: extendLua, parse: wholeNumber });
const releaseScript = defineScript({
  lua: releaseLua,
  parse(reply): Released {
    if (!Array.isArray(reply)) return { wasHeld: wholeNumber(reply) === 1 };
    const [token, fence] = reply;
    return { wasHeld: true, granted: { token: String(token), fence: wholeNumber(fence) } };
  },
});
const waitScript = defineScript({
  lua: waitLua,
  parse(reply): Waited {
    if (!Array.isArray(reply)) throw new TypeError('Expected a list from the lock script');
    const [token, fence, holder, pttl, rank, ...arrivals] = reply;
    return {
      granted: token === '' ? undefined : { token: String(token), fence: wholeNumber(fence) },
      holder: String(holder),
      pttlMs: wholeNumber(pttl),
      rank: wholeNumber(rank),
      arrivals: arrivals.map(String),
    };
  },
});

type Granted = { readonly token: string; readonly fence: number };
export type Released = { readonly wasHeld: boolean; readonly granted?: Granted };
export type Waited = {
  readonly granted: Granted | undefined;
  /** Who holds it now; empty when nobody does. */
  readonly holder: string;
  /** -1: the lock has no TTL. */
  readonly pttlMs: number;
  readonly rank: number;
  readonly arrivals: readonly string[];
};
export type Place = { readonly token: string; readonly ttlMs: number; readonly arrival: string };

/** The fence, or 0: held by another, or -1: free, but there is a queue. */
export function takeFree(client: Client, keys: LockKeys, token: string, ttlMs: number): Promise<number> {
  const reply = acquireScript(client, [keys.lock, keys.queue, keys.fence], [token, ttlMs]);
  return reply.catch((error: unknown) => explain(client, keys, error));
}

/** The fence, or 0: not held by this token. */
export function extendTtl(client: Client, keys: LockKeys, token: string, ttlMs: number): Promise<number> {
  const reply = extendScript(client, [keys.lock, keys.fence], [token, ttlMs]);
  return reply.catch((error: unknown) => explain(client, keys, error));
}

/** Frees the lock, or the place in its queue. */
export function giveUp(client: Client, keys: LockKeys, token: string): Promise<Released> {
  const reply = releaseScript(
    client,
    [keys.lock, keys.queue, keys.fence, keys.waiting],
    [token, nonceOf(client)],
  );
  return reply.catch((error: unknown) => explain(client, keys, error));
}

/** Queues (or with `stay` false asks once) for every place; hands a free lock to whoever is first. */
export function queueUp(
  client: Client,
  keys: LockKeys,
  places: readonly Place[],
  stay: boolean,
): Promise<Waited> {
  const hears = `${isCluster(client) ? 'SPUBLISH' : 'PUBLISH'} ${channelOf(client, keys)}`;
  const words = [nonceOf(client), hears, leaseMs, heartbeatMs, stay ? 1 : 0];
  const triples = places.flatMap(({ token, ttlMs, arrival }) => [token, ttlMs, arrival]);
  const reply = waitScript(client, [keys.lock, keys.queue, keys.fence, keys.waiting], [...words, ...triples]);
  return reply.catch((error: unknown) => explain(client, keys, error));
}

/** Where this client hears that one of its waiters was given the lock: `TOKEN FENCE`. */
export function channelOf(client: Client, keys: LockKeys): string {
  return keys.wake + nonceOf(client);
}

/** Says which of the keys holds somebody else's data, instead of Redis' WRONGTYPE. */
async function explain(client: Client, keys: LockKeys, error: unknown): Promise<never> {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) {
    const expected = { lock: 'string', queue: 'zset', fence: 'string', waiting: 'hash' } as const;
    for (const key of ['lock', 'queue', 'fence', 'waiting'] as const) {
      const type = await client.type(keys[key]);
      if (type === 'none' || type === expected[key]) continue;
      throw new WrongTypeError(keys[key], 'lock', { cause: error });
    }
  }
  throw error;
}
