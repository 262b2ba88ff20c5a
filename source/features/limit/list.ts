import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { learnServerMs } from '../../redis/clock.ts';
import { defineScript } from '../../redis/script.ts';
import { lookAt } from './check.ts';
import indexed from './indexed.lua';
import { type Algorithm, limitOfMember, memberOf, type Rule, stateKey, windowOf } from './rules.ts';
import { indexKeys } from './usage-index.ts';

/** One limit of one subject, as it stands. */
export type LimitUse = {
  readonly subject: string;
  readonly algorithm: Algorithm;
  readonly limit: number;
  readonly perMs: number;
  readonly used: number;
  readonly remaining: number;
  /** Until nothing is spent any more; 0 when nothing is. */
  readonly resetMs: number;
  /** Refusals since the subject was first seen; forgotten with it, seven quiet days later. */
  readonly denied: number;
  /** Counted in the plain keys of the third seed. */
  readonly layout?: 'seed';
};

const mostKept = 10_000;

const read = defineScript({
  lua: indexed,
  parse(reply) {
    const [serverMs = 0, total = 0, ...words] = reply as (string | number)[];
    const entries: { member: string; max: number; denied: number }[] = [];
    for (let at = 0; at + 2 < words.length; at += 3) {
      entries.push({ member: String(words[at]), max: Number(words[at + 1]), denied: Number(words[at + 2]) });
    }
    return { serverMs: Number(serverMs), total: Number(total), entries };
  },
});

/**
 * The limits in use, most recently noted first, and how many there are. Two round trips and as many commands; in
 * Cluster one more for each limit.
 */
export async function list(
  client: Client,
  { count = 1000, skip = 0 }: { readonly count?: number; readonly skip?: number } = {},
): Promise<{ readonly total: number; readonly limits: readonly LimitUse[] }> {
  const { total, entries } = await readIndex(client, count, skip);
  const known = entries.flatMap(({ member, max, denied }) => {
    const limit = limitOfMember(member, max);
    return limit ? [{ ...limit, denied }] : [];
  });
  const looks = isCluster(client)
    ? (await Promise.all(known.map((one) => lookAt(client, [one])))).flat()
    : await lookAt(client, known);
  const limits = known.flatMap(({ subject, rule, denied }, i): LimitUse[] => {
    const { algorithm, max: limit, perMs } = rule;
    const found = looks[i];
    // The key holds something else: there is nothing to tell but that it was once a limit.
    if (!found) return [];
    const { remaining, resetMs } = found;
    const use = { subject, limit, perMs, used: limit - remaining, remaining, resetMs, denied };
    return [algorithm === 'seed' ? { ...use, algorithm: 'fixed', layout: 'seed' } : { ...use, algorithm }];
  });
  return { total, limits };
}

/**
 * Gives a subject all of its limits back and forgets its refusals. Processes that refuse it from memory notice
 * within a second.
 * @returns how many limits that were; 0 if none is known
 * @throws {WrongTypeError} when a key holds something else by now; nothing is deleted then
 */
export async function reset(client: Client, subject: string): Promise<number> {
  const { entries } = await readIndex(client, mostKept, 0);
  const rules = entries.flatMap(({ member, max }): Rule[] => {
    const limit = limitOfMember(member, max);
    return limit?.subject === subject ? [limit.rule] : [];
  });
  if (rules.length === 0) return 0;
  const keys = rules.map((rule) => stateKey(client, subject, rule, windowOf(client, rule)));
  const looks = await lookAt(
    client,
    rules.map((rule) => ({ subject, rule })),
  );
  const foreign = keys.find((_, i) => !looks[i]);
  if (foreign !== undefined) throw new WrongTypeError(foreign, 'rate limit');
  await client.del(...keys);
  // It stays in the index: who is busy is still of interest, and would not be noted again for a minute.
  await client.hdel(indexKeys(client).denied, ...rules.map((rule) => memberOf(subject, rule)));
  return rules.length;
}

async function readIndex(client: Client, count: number, skip: number) {
  const { index, most, denied } = indexKeys(client);
  const found = await read(client, [index, most, denied], [count, skip]);
  learnServerMs(client, found.serverMs);
  return found;
}
