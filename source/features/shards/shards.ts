import { randomUUID } from 'node:crypto';
import type { Client } from '../../redis/client.ts';
import type { Connection } from '../../redis/connect.ts';
import { singleKey } from '../../redis/keys.ts';
import { CrossShardError, ShardDownError, ShardOrderError } from './errors.ts';
import { makeRouter, type RouterName } from './router.ts';

/**
 * Several servers as one: a key goes where the router says, many keys go to all their servers at once.
 *
 * Each server carries a fingerprint, `quarterdeck:shard` hash {set, index, count, router}, so that a list in another
 * order, of another length or for another router is recognised before anything is read from the wrong place.
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
};

type Servers = readonly Pick<Connection, 'url' | 'ask'>[];

export function shardsOf(servers: Servers, router: RouterName): Shards {
  const urls = servers.map(({ url }) => url);
  const route = makeRouter(router, urls);
  const client = (shard: number): Client => {
    const server = servers[shard];
    if (!server) throw new RangeError(`Expected a shard from 0 to ${servers.length - 1}, got ${shard}`);
    return server.ask;
  };
  return { urls, router, route, client, clientOf: (key) => client(route(key)) };
}

export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: ShardDownError };

const patienceMs = 2000;

/**
 * Asks about many keys, all servers at once and each in one pipeline (what `ask` issues without awaiting in between).
 * The answers come in the order of the keys; those of a server that does not answer in `deadlineMs` are errors.
 */
export async function map<Value>(
  shards: Shards,
  keys: readonly string[],
  ask: (client: Client, key: string) => Promise<Value>,
  { deadlineMs = patienceMs }: { readonly deadlineMs?: number } = {},
): Promise<readonly Answer<Value>[]> {
  const byShard = Map.groupBy(keys.entries(), ([, key]) => shards.route(key));
  const answers: Answer<Value>[] = [];
  await Promise.all(
    [...byShard].map(async ([shard, entries]) => {
      const client = shards.client(shard);
      const answer = await within(shards, shard, deadlineMs, () =>
        Promise.all(entries.map(([, key]) => ask(client, key))),
      );
      for (const [place, [index]] of entries.entries()) {
        answers[index] = answer.ok ? { ok: true, value: answer.value[place] as Value } : answer;
      }
    }),
  );
  return answers;
}

/** Asks every server the same, all at once; answers in their order. */
export async function everywhere<Value>(
  shards: Shards,
  ask: (client: Client, shard: number) => Promise<Value>,
  { deadlineMs = patienceMs }: { readonly deadlineMs?: number } = {},
): Promise<readonly Answer<Value>[]> {
  return await Promise.all(
    shards.urls.map((_, shard) => within(shards, shard, deadlineMs, () => ask(shards.client(shard), shard))),
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

/**
 * Checks each server's fingerprint against its place in the list, and marks those that have none.
 * Servers that do not answer are passed over: what they hold can be neither read nor harmed.
 * @throws {ShardOrderError}
 */
export async function checkOrder(
  shards: Shards,
  { mark = true }: { readonly mark?: boolean } = {},
): Promise<void> {
  if (shards.urls.length < 2) return;
  const found = await everywhere(shards, (client) => client.hgetall(fingerprintKey));
  const known = found.map((answer) =>
    answer.ok && answer.value.set !== undefined ? answer.value : undefined,
  );
  const count = String(shards.urls.length);
  const sets = new Set(known.flatMap((fingerprint) => fingerprint?.set ?? []));
  if (sets.size > 1) throw new ShardOrderError('they were written as parts of different lists');
  for (const [shard, fingerprint] of known.entries()) {
    if (!fingerprint) continue;
    const { index, count: written, router } = fingerprint;
    const url = shards.urls[shard] ?? '';
    if (written !== count) throw new ShardOrderError(`${url} is one of ${written}, and ${count} are given`);
    if (index !== String(shard))
      throw new ShardOrderError(`${url} was shard ${index} and is given as shard ${shard}`);
    if (router !== shards.router)
      throw new ShardOrderError(`they were routed by ${router}, not by ${shards.router}`);
  }
  const isComplete = found.every((answer, shard) => !answer.ok || known[shard] !== undefined);
  if (!mark || isComplete) return;
  await markAll(shards, [...sets][0]);
}

/** The first server decides the set's name, so that two first users agree. */
async function markAll(shards: Shards, knownSet: string | undefined): Promise<void> {
  const first = shards.client(0);
  if (knownSet !== undefined) await first.hsetnx(fingerprintKey, 'set', knownSet);
  else await first.hsetnx(fingerprintKey, 'set', randomUUID());
  const set = (await first.hget(fingerprintKey, 'set')) ?? '';
  const count = shards.urls.length;
  await everywhere(shards, (client, index) =>
    client.hset(fingerprintKey, { set, index, count, router: shards.router }),
  );
}

const fingerprintKey = singleKey('quarterdeck:', 'shard');

async function within<Value>(
  shards: Shards,
  shard: number,
  deadlineMs: number,
  ask: () => Promise<Value>,
): Promise<Answer<Value>> {
  let timer: NodeJS.Timeout | undefined;
  // Commands wait for a lost server without limit, so the limit is set here.
  const late = new Promise<Answer<Value>>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, error: new ShardDownError(shard, shards.urls[shard] ?? '') }),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([ask().then((value): Answer<Value> => ({ ok: true, value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
