import { WrongTypeError } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { learnServerMs } from '../../redis/clock.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { literally } from '../../redis/registry.ts';
import { asArray, asInteger, asNumber, asText } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { counted, onlyText } from '../../ui/format.ts';
import { requireName } from '../../values.ts';
import { lookAt } from './check/check.ts';
import indexed from './indexed.lua';
import { type Algorithm, isWhole, limitOfMember, memberOf, type Rule, stateKey, windowOf } from './rules.ts';
import scanIndexLua from './scan-index.lua';
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
  /** Refusals since the subject was first seen; forgotten with it, seven quiet days later. Undefined: not known. */
  readonly denied: number | undefined;
  /** Counted in plain keys, shared with other programs. */
  readonly layout?: 'seed';
};

/** The algorithm, the period and a name of at most 512 bytes. */
const longestMember = 600;
/** In Cluster each limit is a command of its own. */
const commandsAtOnce = 500;

/** `max` is undefined where it is missing or none that a limit can have: then what is used of it is not known either. */
type Entry = Pick<LimitUse, 'denied'> & {
  readonly member: string;
  readonly max: number | undefined;
  /** What stands there instead. */
  readonly maxText: string;
};

/** Of a part of the index: the limits as they stand, and those of which nothing can be said. */
type Uses = {
  readonly uses: readonly LimitUse[];
  /** Keys that hold something else. */
  readonly foreign: readonly string[];
  /** Members of the index whose maximum is not known. */
  readonly unread: readonly string[];
  /** Those of which only the refusals are not known. */
  readonly uncounted: readonly string[];
};

const readPage = defineScript({
  lua: indexed,
  parse(reply) {
    const [serverMs, total, met, ...words] = asArray(reply);
    const entries: Entry[] = [];
    for (let at = 0; at + 2 < words.length; at += 3) {
      entries.push(entryOf(words[at], words[at + 1], words[at + 2]));
    }
    return { serverMs: asInteger(serverMs), total: asInteger(total), met: asInteger(met), entries };
  },
});

const scanIndex = defineScript({
  lua: scanIndexLua,
  parse(reply) {
    const [serverMs, cursor, leftOut, ...words] = asArray(reply);
    const entries: (Entry & { readonly notedMs: number })[] = [];
    for (let at = 0; at + 3 < words.length; at += 4) {
      const notedMs = asNumber(words[at + 1]);
      entries.push({ ...entryOf(words[at], words[at + 2], words[at + 3]), notedMs });
    }
    return { serverMs: asInteger(serverMs), cursor: asText(cursor), leftOut: asInteger(leftOut), entries };
  },
});

/** What others wrote into the index is no number, or none that counts: then nothing is known of it. */
function entryOf(member: unknown, max: unknown, denied: unknown): Entry {
  const limit = countIn(max);
  return {
    member: asText(member),
    max: limit !== undefined && isWhole(limit, 1) ? limit : undefined,
    maxText: asText(max),
    denied: countIn(denied),
  };
}

function countIn(word: unknown): number | undefined {
  const text = asText(word);
  const count = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(count) ? count : undefined;
}

/**
 * The limits most recently noted, and how many there are, for a screen that has room for so many; `foreign` are keys
 * that hold something else. Two round trips and as many commands; in Cluster one more for each limit.
 */
export async function list(
  client: Client,
  { count = 1000, skip = 0 }: { readonly count?: number; readonly skip?: number } = {},
): Promise<{
  readonly total: number;
  /** How many entries of the index these come from. */
  readonly met: number;
  readonly limits: readonly LimitUse[];
  readonly foreign: readonly string[];
  /** What else of them is not known, in sentences. */
  readonly unknown: readonly string[];
}> {
  const { index, most, denied } = indexKeys(client);
  const { serverMs, total, met, entries } = await readPage(
    client,
    [index, most, denied],
    [count, skip, longestMember],
  );
  learnServerMs(client, serverMs);
  const { uses, foreign, ...others } = await usesOf(client, entries);
  const unknown = [...unknownTexts(client, others), ...leftOutTexts(client, met - entries.length)];
  return { total, met, limits: uses, foreign, unknown };
}

/** All limits in use, most recently noted first, read some at a time; `foreign` are keys that hold something else. */
export async function listAll(
  client: Client,
  onCut: (text: string) => void = () => {},
): Promise<{ readonly limits: readonly LimitUse[]; readonly foreign: readonly string[] }> {
  const { index } = indexKeys(client);
  const allowance = new Allowance(mostOfAll);
  let met = 0;
  const found = new Map<string, { readonly use: LimitUse; readonly notedMs: number }>();
  const allForeign: string[] = [];
  const [allUnread, allUncounted] = [new Set<string>(), new Set<string>()];
  for await (const entries of indexPages(client, '*', onCut)) {
    if (allowance.isSpent) {
      const total = await client.zcard(index);
      onCut(onlyText(met, total, `limits in \`${index}\``, mostOfAll));
      break;
    }
    met += entries.length;
    allowance.takeBytes(entries.reduce((sum, { member }) => sum + member.length + 32, 0));
    const { uses, foreign, unread, uncounted } = await usesOf(client, entries);
    allForeign.push(...foreign);
    for (const member of unread) allUnread.add(member);
    for (const member of uncounted) allUncounted.add(member);
    const notedMs = new Map(entries.map((entry) => [entry.member, entry.notedMs]));
    for (const use of uses) {
      const member = memberOf(use.subject, {
        ...use,
        max: use.limit,
        algorithm: use.layout ?? use.algorithm,
      });
      found.set(member, { use, notedMs: notedMs.get(member) ?? 0 });
    }
  }
  const others = { unread: [...allUnread], uncounted: [...allUncounted] };
  for (const text of unknownTexts(client, others)) onCut(text);
  const limits = [...found.values()].sort((a, b) => b.notedMs - a.notedMs).map(({ use }) => use);
  return { limits, foreign: [...new Set(allForeign)] };
}

/** A sentence of all limits whose maximum is not known, and one of those whose refusals are not, however many they are. */
function unknownTexts(
  client: Client,
  { unread, uncounted }: Pick<Uses, 'unread' | 'uncounted'>,
): readonly string[] {
  const { most, denied } = indexKeys(client);
  return [
    ...(unread.length === 0
      ? []
      : [`The maximum of ${named(unread)} is not known: \`${most}\` has none; the next hit notes it`]),
    ...(uncounted.length === 0
      ? []
      : [`The refusals of ${named(uncounted)} are not known: \`${denied}\` has no exact count of them`]),
  ];
}

function named(members: readonly string[]): string {
  const [first = ''] = members;
  const subject = limitOfMember(first, 0)?.subject ?? first;
  return members.length === 1
    ? `\`${subject}\``
    : `${counted(members.length, 'limit')}, first \`${subject}\`,`;
}

/** At most one sentence of entries of the index that name no limit of ours. */
function leftOutTexts(client: Client, count: number): readonly string[] {
  if (count === 0) return [];
  const entries = counted(count, 'entry').replace('entrys', 'entries');
  return [`${entries} longer than the name of a limit in \`${indexKeys(client).index}\` not listed (cut)`];
}

/**
 * Every limit of one subject, the one with the least left first.
 * @throws {WrongTypeError} when the key of one holds something else; {UnreadableReplyError} when the maximum of one is not known
 */
export async function usesOfSubject(client: Client, subject: string): Promise<readonly LimitUse[]> {
  const entries = new Map<string, Entry>();
  for await (const page of indexPages(client, membersOf(subject)))
    for (const entry of page)
      if (limitOfMember(entry.member, 0)?.subject === subject) entries.set(entry.member, entry);
  const { uses, foreign, unread } = await usesOf(client, [...entries.values()]);
  const found = unread[0] === undefined ? undefined : entries.get(unread[0]);
  if (found)
    throw new UnreadableReplyError(
      `the maximum of ${subject}`,
      found.maxText === '' ? undefined : found.maxText,
      indexKeys(client).most,
    );
  if (foreign[0] !== undefined) throw new WrongTypeError(foreign[0], 'rate limit');
  return uses.toSorted((one, other) => one.remaining - other.remaining);
}

/** A pattern that fits every member of the index that names this subject, and some that do not. */
function membersOf(subject: string): string {
  requireName(subject);
  return `*:${literally(subject)}`;
}

async function* indexPages(client: Client, match = '*', onCut: (text: string) => void = () => {}) {
  const { index, most, denied } = indexKeys(client);
  let next = '0';
  let left = 0;
  do {
    const { serverMs, cursor, leftOut, entries } = await typed(
      client,
      { [index]: 'zset', [most]: 'hash', [denied]: 'hash' },
      scanIndex(client, [index, most, denied], [next, match, longestMember]),
    );
    learnServerMs(client, serverMs);
    next = cursor;
    left += leftOut;
    if (entries.length > 0) yield entries;
  } while (next !== '0');
  for (const text of leftOutTexts(client, left)) onCut(text);
}

async function usesOf(client: Client, entries: readonly Entry[]): Promise<Uses> {
  const [unread, uncounted]: [string[], string[]] = [[], []];
  const known = entries.flatMap(({ member, max, denied }) => {
    const limit = limitOfMember(member, max ?? 0);
    if (limit && max === undefined) unread.push(member);
    else if (limit && denied === undefined) uncounted.push(member);
    return limit && max !== undefined ? [{ ...limit, denied }] : [];
  });
  const looks: Awaited<ReturnType<typeof lookAt>> = [];
  if (!isCluster(client)) looks.push(...(await lookAt(client, known)));
  else {
    for (let from = 0; from < known.length; from += commandsAtOnce) {
      const some = known.slice(from, from + commandsAtOnce);
      looks.push(...(await Promise.all(some.map((one) => lookAt(client, [one])))).flat());
    }
  }
  const uses: LimitUse[] = [];
  const foreign: string[] = [];
  for (const [i, { subject, rule, denied }] of known.entries()) {
    const { algorithm, max: limit, perMs } = rule;
    const found = looks[i];
    if (!found) {
      foreign.push(stateKey(client, subject, rule, windowOf(client, rule)));
      continue;
    }
    const { remaining, resetMs } = found;
    const use = { subject, limit, perMs, used: limit - remaining, remaining, resetMs, denied };
    uses.push(algorithm === 'seed' ? { ...use, algorithm: 'fixed', layout: 'seed' } : { ...use, algorithm });
  }
  return { uses, foreign, unread, uncounted };
}

/**
 * Gives a subject all of its limits back and forgets its refusals. Processes that refuse it from memory notice
 * within a second.
 * @returns how many limits that were; 0 if none is known
 * @throws {WrongTypeError} when a key holds something else by now; nothing is deleted then
 */
export async function reset(client: Client, subject: string): Promise<number> {
  const rules = await rulesOf(client, subject);
  if (rules.length === 0) return 0;
  await client.del(...rules.map((rule) => stateKey(client, subject, rule, windowOf(client, rule))));
  // It stays in the index: who is busy is still of interest, and would not be noted again for a minute.
  await client.hdel(indexKeys(client).denied, ...rules.map((rule) => memberOf(subject, rule)));
  return rules.length;
}

/** The limits of a subject that the index knows. @throws {WrongTypeError} when a key of them holds something else by now */
export async function rulesOf(client: Client, subject: string): Promise<readonly Rule[]> {
  const found = new Map<string, Rule>();
  for await (const entries of indexPages(client, membersOf(subject))) {
    for (const { member, max } of entries) {
      // What was counted goes and comes back whatever its maximum is; the least lets nobody do more.
      const limit = limitOfMember(member, max ?? 1);
      if (limit?.subject === subject) found.set(member, limit.rule);
    }
  }
  const rules = [...found.values()];
  const looks = await lookAt(
    client,
    rules.map((rule) => ({ subject, rule })),
  );
  const foreign = rules.find((_, i) => !looks[i]);
  if (foreign)
    throw new WrongTypeError(stateKey(client, subject, foreign, windowOf(client, foreign)), 'rate limit');
  return rules;
}
