import type { Client } from '../../redis/client.ts';
import type { Connection } from '../../redis/connection/connect.ts';
import { CrossShardError, ShardDownError } from './errors.ts';
import { makeRouter, type RouterName } from './router.ts';

/**
 * Several servers as one: a key goes where the router says, many keys go to all their servers at once.
 *
 * Not promised: anything atomic across servers (refused), moving keys when the list changes, and doing without a server
 * that is down: its part of an answer is an error of its own, the rest is there.
 */
export type Shards = {
  readonly urls: readonly string[];
  readonly router: RouterName;
  /** The index of the server this key lives on. */
  route(key: string): number;
  clientOf(key: string): Client;
  client(shard: number): Client;
  /** For how long this server has not been there; 0 while it is, Infinity if it never was. */
  goneMs(shard: number): number;
};

type Server = Pick<Connection, 'url' | 'ask'> & Partial<Pick<Connection, 'state'>>;
type Servers = readonly Server[];

export function shardsOf(servers: Servers, router: RouterName): Shards {
  const urls = servers.map(({ url }) => url);
  const route = makeRouter(router, urls);
  const client = (shard: number): Client => {
    const server = servers[shard];
    if (!server) throw new RangeError(`Expected a shard from 0 to ${servers.length - 1}, got ${shard}`);
    return server.ask;
  };
  const goneMs = (shard: number): number => {
    const state = servers[shard]?.state?.();
    if (state === undefined || state.name === 'live') return 0;
    // Refused from the first try on: nobody needs to wait to find out.
    if (state.name === 'connecting' && state.attempt > 0) return Number.POSITIVE_INFINITY;
    return Date.now() - state.sinceMs;
  };
  return { urls, router, route, client, clientOf: (key) => client(route(key)), goneMs };
}

export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: ShardDownError };

const patienceMs = 2000;
const goneEveryMs = 100;

/**
 * Asks about many keys, all servers at once and each in one pipeline (what `ask` issues without awaiting in between).
 * The answers come in the order of the keys; those of a server that does not answer in `deadlineMs` are errors. A
 * single server is waited for: there are no others to do without it.
 */
export async function map<Value>(
  shards: Shards,
  keys: readonly string[],
  ask: (client: Client, key: string) => Promise<Value>,
  options: { readonly deadlineMs?: number } = {},
): Promise<readonly Answer<Value>[]> {
  const answers: Answer<Value>[] = [];
  const one = (client: Client, some: readonly string[]) => Promise.all(some.map((key) => ask(client, key)));
  for (const { places, answer } of await askGroups(shards, keys, one, options)) {
    for (const [i, place] of places.entries()) {
      answers[place] = answer.ok ? { ok: true, value: answer.value[i] as Value } : answer;
    }
  }
  return answers;
}

/** What many keys hold, in their order, and which servers are missing: `absent` stands for their part. */
export type Gathered<Value> = {
  readonly values: readonly Value[];
  readonly missing: readonly ShardDownError[];
};

/** The same where one question covers many keys, such as MGET: `ask` gets all keys of a server at once. */
export async function gather<Value>(
  shards: Shards,
  keys: readonly string[],
  ask: (client: Client, keys: readonly string[]) => Promise<readonly Value[]>,
  { absent, ...options }: { readonly absent: Value; readonly deadlineMs?: number },
): Promise<Gathered<Value>> {
  if (shards.urls.length === 1) return { values: await ask(shards.client(0), keys), missing: [] };
  const values = new Array<Value>(keys.length).fill(absent);
  const missing: ShardDownError[] = [];
  for (const { places, answer } of await askGroups(shards, keys, ask, options)) {
    if (!answer.ok) missing.push(answer.error);
    else for (const [i, place] of places.entries()) values[place] = answer.value[i] as Value;
  }
  return { values, missing };
}

type Group<Value> = { readonly places: readonly number[]; readonly answer: Answer<readonly Value[]> };

/** Each server's keys by their places in the list, and what it answered about them. */
async function askGroups<Value>(
  shards: Shards,
  keys: readonly string[],
  ask: (client: Client, keys: readonly string[]) => Promise<readonly Value[]>,
  { deadlineMs = patienceMs }: { readonly deadlineMs?: number },
): Promise<readonly Group<Value>[]> {
  const groups = shards.urls.map((_, shard) => ({ shard, places: [] as number[], own: [] as string[] }));
  for (const [place, key] of keys.entries()) {
    const group = groups[shards.route(key)];
    group?.places.push(place);
    group?.own.push(key);
  }
  return await Promise.all(
    groups
      .filter(({ own }) => own.length > 0)
      .map(async ({ shard, places, own }) => ({
        places,
        answer: await within(shards, shard, deadlineMs, () => ask(shards.client(shard), own)),
      })),
  );
}

/**
 * Asks the one server that a key lives on.
 * @throws {ShardDownError} when there are others, and it does not answer in `deadlineMs`
 */
export async function askOwner<Value>(
  shards: Shards,
  key: string,
  ask: (client: Client) => Promise<Value>,
  options: { readonly deadlineMs?: number } = {},
): Promise<Value> {
  const [answer] = await map(shards, [key], ask, options);
  if (!answer?.ok) throw answer?.error;
  return answer.value;
}

/** What was answered, and which servers are missing from it. */
export function partsOf<Value>(answers: readonly Answer<Value>[]): {
  readonly values: readonly Value[];
  readonly missing: readonly ShardDownError[];
} {
  const missing = new Map<number, ShardDownError>();
  for (const answer of answers) if (!answer.ok) missing.set(answer.error.shard, answer.error);
  return {
    values: answers.flatMap((answer) => (answer.ok ? [answer.value] : [])),
    missing: [...missing.values()].toSorted((a, b) => a.shard - b.shard),
  };
}

/**
 * Asks every server the same, all at once; answers in their order. `isLong`: the answer may take its time, such as a
 * look through all keys, and the deadline runs only while a server is gone.
 */
export async function everywhere<Value>(
  shards: Shards,
  ask: (client: Client, shard: number) => Promise<Value>,
  {
    deadlineMs = patienceMs,
    isLong = false,
  }: { readonly deadlineMs?: number; readonly isLong?: boolean } = {},
): Promise<readonly Answer<Value>[]> {
  return await Promise.all(
    shards.urls.map((_, shard) =>
      within(shards, shard, deadlineMs, () => ask(shards.client(shard), shard), isLong),
    ),
  );
}

/**
 * The one server on which all these keys live.
 * @throws {CrossShardError} when they do not share one
 */
export function together(shards: Shards, keys: readonly string[]): Client {
  const used = [...new Set(keys.map((key) => shards.route(key)))];
  const [shard = 0] = used;
  if (used.length > 1) throw new CrossShardError(keys, used);
  return shards.client(shard);
}

async function within<Value>(
  shards: Shards,
  shard: number,
  deadlineMs: number,
  ask: () => Promise<Value>,
  isLong = false,
): Promise<Answer<Value>> {
  if (shards.urls.length === 1) return { ok: true, value: await ask() };
  const down = (): Answer<Value> => ({
    ok: false,
    error: new ShardDownError(shard, shards.urls[shard] ?? ''),
  });
  // It has been waited for already, and a question a second would pile up behind the lost connection.
  if (shards.goneMs(shard) > deadlineMs) return down();
  let timer: NodeJS.Timeout | undefined;
  // Commands wait for a lost server without limit, so the limit is set here.
  const late = new Promise<Answer<Value>>((resolve) => {
    timer = isLong
      ? setInterval(() => shards.goneMs(shard) > deadlineMs && resolve(down()), goneEveryMs)
      : setTimeout(() => resolve(down()), deadlineMs);
  });
  try {
    return await Promise.race([ask().then((value): Answer<Value> => ({ ok: true, value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
