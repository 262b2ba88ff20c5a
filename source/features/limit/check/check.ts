import { WrongTypeError } from '../../../errors.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { learnServerMs } from '../../../redis/clock.ts';
import { defineScript } from '../../../redis/script.ts';
import { type Algorithm, algorithmOf, type Rule, stateKey, windowOf } from '../rules.ts';
import hit from './hit.lua';

/** What a limit answered. An expected refusal is a value, never an exception. */
export type Verdict = {
  readonly subject: string;
  readonly allowed: boolean;
  /** The `max`, algorithm and period of the limit that decided: it refused longest, or else has the least left. */
  readonly limit: number;
  readonly algorithm: Algorithm;
  readonly perMs: number;
  readonly remaining: number;
  /** 0 when allowed; Infinity when the cost is above the limit itself. */
  readonly retryAfterMs: number;
  /** Until nothing of the limit is spent any more. */
  readonly resetMs: number;
  /** Redis did not answer in time: `onError` decided this. */
  readonly undecided?: true;
};

/** One all-or-nothing check: for each rule, whose limit, how much of it, and its key where that is known already. */
export type Check = {
  readonly subjects: readonly string[];
  readonly costs: readonly number[];
  readonly keys?: readonly string[] | undefined;
};

const never = -1;
const foreign = -2;
const moved = -3;
const figuresEach = 3;
const largestLook = 200;

const parse = (reply: unknown): number[] => reply as number[];
// Hits of one tick travel together already.
const spend = defineScript({ lua: hit, parse, immediate: true });
// The same arithmetic with the pen taken away: the server itself refuses a write under this flag.
const look = defineScript({ lua: hit.replace('#!lua', '#!lua flags=no-writes'), parse, immediate: true });

/**
 * Performs checks that share their rules, in one round trip; each check succeeds or is refused as a whole. In Cluster
 * all keys of one call must share a slot.
 * @returns for each check its verdict, or the WrongTypeError of a key that holds something else
 */
export async function runChecks(
  client: Client,
  mode: 'spend' | 'look',
  rules: readonly Rule[],
  checks: readonly Check[],
): Promise<(Verdict | WrongTypeError)[]> {
  const results: (Verdict | WrongTypeError)[] = new Array(checks.length);
  let due = checks.map((_, index) => index);
  while (due.length > 0) {
    const called = due.flatMap((index) => checks[index] ?? []);
    const { keys, figures } = await judge(client, mode, rules, called);
    const again: number[] = [];
    for (const [position, index] of due.entries()) {
      const result = verdictOf(called[position], rules, keys, figures, position * rules.length);
      if (typeof result === 'object') results[index] = result;
      else {
        learnServerMs(client, result);
        again.push(index);
      }
    }
    due = again;
  }
  return results;
}

/** What is left of many limits, and for how long something will be spent; undefined where the key is not ours. */
export async function lookAt(
  client: Client,
  limits: readonly { readonly subject: string; readonly rule: Rule }[],
): Promise<({ readonly remaining: number; readonly resetMs: number } | undefined)[]> {
  const found: ({ remaining: number; resetMs: number } | undefined)[] = [];
  for (let from = 0; from < limits.length; from += largestLook) {
    const some = limits.slice(from, from + largestLook);
    const rules = some.map(({ rule }) => rule);
    const check = { subjects: some.map(({ subject }) => subject), costs: some.map(() => 0) };
    const { figures } = await judge(client, 'look', rules, [check]);
    for (const [i, { max }] of rules.entries()) {
      const [remaining = 0, code = 0, resetMs = 0] = figures.slice(i * figuresEach, (i + 1) * figuresEach);
      // A window that ended between two answers has nothing spent in the next.
      if (code === moved) found.push({ remaining: max, resetMs: 0 });
      else found.push(code === foreign ? undefined : { remaining, resetMs });
    }
  }
  return found;
}

async function judge(
  client: Client,
  mode: 'spend' | 'look',
  rules: readonly Rule[],
  checks: readonly Check[],
): Promise<{ readonly keys: readonly string[]; readonly figures: readonly number[] }> {
  const windows = rules.map((rule) => windowOf(client, rule));
  const keys: string[] = [];
  const words: (string | number)[] = [mode, rules.length];
  for (const [i, { algorithm, max, perMs }] of rules.entries()) {
    words.push(algorithm, max, perMs, windows[i] ?? '');
  }
  const isPlain = checks.every(({ costs }) => costs.every((cost) => cost === 1));
  for (const { subjects, costs, keys: known } of checks) {
    for (const [i, rule] of rules.entries()) {
      keys.push(known?.[i] ?? stateKey(client, subjects[i] ?? '', rule, windows[i] ?? ''));
      if (!isPlain) words.push(costs[i] ?? 1);
    }
  }
  return { keys, figures: await (mode === 'spend' ? spend : look)(client, keys, words) };
}

/** The verdict of the check whose first key is `keys[from]`; the server's time if it named another window's key. */
function verdictOf(
  check: Check | undefined,
  rules: readonly Rule[],
  keys: readonly string[],
  figures: readonly number[],
  from: number,
): Verdict | WrongTypeError | number {
  let verdict: Verdict | undefined;
  for (const [i, rule] of rules.entries()) {
    const at = (from + i) * figuresEach;
    const [remaining = 0, code = 0, resetMs = 0] = [figures[at], figures[at + 1], figures[at + 2]];
    if (code === moved) return resetMs;
    if (code === foreign) return new WrongTypeError(keys[from + i] ?? '', 'rate limit');
    const retryAfterMs = code === never ? Number.POSITIVE_INFINITY : code;
    const decides =
      !verdict ||
      retryAfterMs > verdict.retryAfterMs ||
      (retryAfterMs === verdict.retryAfterMs && remaining < verdict.remaining);
    if (!decides) continue;
    verdict = {
      subject: check?.subjects[i] ?? '',
      allowed: retryAfterMs === 0,
      limit: rule.max,
      algorithm: algorithmOf(rule),
      perMs: rule.perMs,
      remaining,
      retryAfterMs,
      resetMs,
    };
  }
  if (!verdict) throw new Error('a check has at least one limit');
  return verdict;
}

/** Groups of checks that one call may carry: any on one server, those of one subject in Cluster. */
export function* loads<Waiting extends { readonly subject: string }>(
  client: Client,
  waiting: readonly Waiting[],
  largest: number,
): Generator<readonly Waiting[]> {
  const groups = isCluster(client)
    ? Map.groupBy(waiting, ({ subject }) => subject).values()
    : [waiting].values();
  for (const group of groups) {
    for (let from = 0; from < group.length; from += largest) yield group.slice(from, from + largest);
  }
}
