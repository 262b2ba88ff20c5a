import { randomUUID } from 'node:crypto';
import { singleKey } from '../../redis/keys.ts';
import { asPairs, asText } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { ShardOrderError } from './errors.ts';
import fingerprintLua from './fingerprint.lua';
import { everywhere, type Shards } from './shards.ts';

/**
 * Each server carries a fingerprint, `quarterdeck:shard` hash {set, index, count, router}, so that a list in another
 * order, of another length or for another router is recognised before anything is read from the wrong place.
 */
const fingerprintKey = singleKey('quarterdeck:', 'shard');

/**
 * Checks each server's fingerprint against its place in the list, and marks those that have none.
 * Servers that do not answer are passed over: what they hold can be neither read nor harmed.
 * @returns whether all of them answered
 * @throws {ShardOrderError}
 */
export async function checkOrder(
  shards: Shards,
  { mark = true }: { readonly mark?: boolean } = {},
): Promise<boolean> {
  if (shards.urls.length < 2) return true;
  const found = await everywhere(shards, (client) =>
    fingerprint(client, [fingerprintKey], [longestValue, ...fields]),
  );
  const known = found.map((answer) =>
    answer.ok && answer.value.set !== undefined ? answer.value : undefined,
  );
  const count = String(shards.urls.length);
  const sets = new Set(known.flatMap((fingerprint) => fingerprint?.set ?? []));
  if (sets.size > 1) throw new ShardOrderError('they were written as parts of different lists');
  for (const [shard, fingerprint] of known.entries()) {
    // Without a count it was begun by another first user, who is at it or died.
    if (fingerprint?.count === undefined) continue;
    const { index, count: written, router } = fingerprint;
    const url = shards.urls[shard] ?? '';
    if (written !== count) throw new ShardOrderError(`${url} is one of ${written}, and ${count} are given`);
    if (index !== String(shard))
      throw new ShardOrderError(`${url} was shard ${index} and is given as shard ${shard}`);
    if (router !== shards.router)
      throw new ShardOrderError(`they were routed by ${router}, not by ${shards.router}`);
  }
  const isComplete = found.every((answer, shard) => !answer.ok || known[shard]?.count !== undefined);
  // The first server names the set, so nobody is marked without it.
  if (mark && !isComplete && found[0]?.ok) await markAll(shards, [...sets][0]);
  return found.every(({ ok }) => ok);
}

const fields = ['set', 'index', 'count', 'router'] as const;
const longestValue = 200;

const fingerprint = defineScript({
  lua: fingerprintLua,
  parse: (reply): Readonly<Partial<Record<(typeof fields)[number], string>>> =>
    Object.fromEntries(asPairs(reply).map(([field, value]) => [field, asText(value)])),
});

/** The first server decides the set's name, so that two first users agree. */
async function markAll(shards: Shards, knownSet: string | undefined): Promise<void> {
  const first = shards.client(0);
  await first.hsetnx(fingerprintKey, 'set', knownSet ?? randomUUID());
  const set = (await first.hget(fingerprintKey, 'set')) ?? '';
  const count = shards.urls.length;
  await everywhere(shards, (client, index) =>
    client.hset(fingerprintKey, { set, index, count, router: shards.router }),
  );
}
