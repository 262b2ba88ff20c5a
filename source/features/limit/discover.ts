import * as v from 'valibot';
import { type Client, isCluster } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { nameInKey } from '../../redis/keys.ts';
import { typedKeys } from '../../redis/scan.ts';
import { name as nameValue } from '../../values.ts';
import { lookAt } from './check/check.ts';
import { type Algorithm, largestMax, memberOf, type Rule, seedPerMs } from './rules.ts';
import { indexKeys } from './usage-index.ts';

/**
 * Limits by their keys alone: those of ours that the index has forgotten, and the plain counters `<id>:<epoch / 60>` of
 * other programs. A key tells what was used, not of how much: that is in the programs that hit it.
 */
export type FoundLimit = {
  readonly subject: string;
  readonly algorithm: Algorithm;
  readonly perMs: number;
  /** Null for gcra, whose key counts in parts of a limit it does not name. */
  readonly used: number | null;
  readonly resetMs: number;
  /** Counted in plain keys, shared with other programs. */
  readonly layout?: 'seed';
};

export type Found = {
  readonly limits: readonly FoundLimit[];
  /** Keys that are named like limits but hold something else. */
  readonly foreign: readonly string[];
};

type Candidate = { readonly subject: string; readonly rule: Rule; readonly key: string };

const own = /^limit:(.+):(fixed|sliding|gcra):(\d{1,11})$/s;
const seed = /^(.+):(\d{8})$/s;
const types: Readonly<Record<Rule['algorithm'], string>> = {
  fixed: 'string',
  sliding: 'hash',
  gcra: 'string',
  seed: 'string',
};

/** What the index of limits does not know, found by one slow SCAN of every server. */
export async function discover(client: Client, signal?: AbortSignal): Promise<Found> {
  const window = Math.floor((await serverMs(client)) / seedPerMs);
  const isRecent = (key: string): boolean => Math.abs(Number(seed.exec(key)?.[2]) - window) <= minutesBack;
  const candidates = new Map<string, Candidate>();
  const foreign = new Set<string>();
  const fits = (key: string): boolean => own.test(key) || isRecent(key);
  for await (const found of typedKeys(client, { match: '*:*[0-9]', fits, ...(signal && { signal }) })) {
    for (const { key, type } of found) {
      const [written = '', rule] = ruleIn(key);
      const subject = nameInKey(client, written);
      if (subject === undefined || !v.is(nameValue, subject) || type !== types[rule.algorithm]) {
        foreign.add(key);
      } else {
        candidates.set(memberOf(subject, rule), { subject, rule, key });
      }
    }
  }
  const limits: FoundLimit[] = [];
  for (const some of chunks(await unknown(client, candidates), isCluster(client) ? 1 : atOnce)) {
    const [looks, texts, ttls] = await Promise.all([
      lookAt(client, some),
      Promise.all(
        some.map(({ key, rule }) => (rule.algorithm === 'seed' ? client.getrange(key, 0, 20) : null)),
      ),
      Promise.all(some.map(({ key }) => client.pttl(key))),
    ]);
    for (const [index, { subject, rule, key }] of some.entries()) {
      const [look, text, ttl = -2] = [looks[index], texts[index] ?? null, ttls[index]];
      // Expired meanwhile.
      if (ttl === -2) continue;
      if (!look || (text !== null && !/^\d+$/.test(text))) foreign.add(key);
      else limits.push(limitOf(subject, rule, largestMax - look.remaining, look.resetMs, ttl));
    }
  }
  return { limits, foreign: [...foreign] };
}

/** One day: a counter without an end may be as old as it likes. */
const minutesBack = 24 * 60;
const atOnce = 200;

/** The name as it is written in the key, and the rule; its `max` is the largest there is, so that nothing refuses. */
function ruleIn(key: string): readonly [written: string | undefined, rule: Rule] {
  const [, subject, algorithm, perMs] = own.exec(key) ?? [];
  if (subject === undefined) {
    return [seed.exec(key)?.[1], { algorithm: 'seed', max: largestMax, perMs: seedPerMs }];
  }
  return [subject, { algorithm: algorithm as Algorithm, max: largestMax, perMs: Number(perMs) }];
}

function limitOf(subject: string, rule: Rule, used: number, resetMs: number, ttlMs: number): FoundLimit {
  const { algorithm, perMs } = rule;
  if (algorithm === 'seed') return { subject, algorithm: 'fixed', perMs, used, resetMs, layout: 'seed' };
  // The key of a bucket ends when the bucket is empty.
  if (algorithm === 'gcra') return { subject, algorithm, perMs, used: null, resetMs: Math.max(0, ttlMs) };
  return { subject, algorithm, perMs, used, resetMs };
}

async function unknown(
  client: Client,
  candidates: ReadonlyMap<string, Candidate>,
): Promise<readonly Candidate[]> {
  const rest: Candidate[] = [];
  for (const some of chunks([...candidates], atOnce)) {
    const noted = await client.zmscore(indexKeys(client).index, ...some.map(([member]) => member));
    for (const [index, [, candidate]] of some.entries()) if (noted[index] === null) rest.push(candidate);
  }
  return rest;
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
