import { UsageError, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { type Check, loads, runChecks, type Verdict } from './check/check.ts';
import { Deadline } from './check/deadline.ts';
import { Denials } from './check/denials.ts';
import {
  algorithmOf,
  isWhole,
  type Limit,
  memberOf,
  notWhole,
  type Rule,
  requireDistinct,
  requireWhole,
  ruleOf,
  stateKey,
  subjectMistake,
} from './rules.ts';
import { Notes } from './usage-index.ts';

/**
 * Rate limits: fixed windows, sliding windows, and GCRA (the generic cell rate algorithm, ITU-T I.371 annex A), all
 * by the server's clock, so that clients may have any clocks of their own.
 *
 * One key for each limit of a subject, `limit:<subject>:<algorithm>:<perMs>`, in one slot; each expires when it no
 * longer says anything. `max` is not part of the name: raising it takes effect on what is already spent. A check
 * and what it spends are one script. A cost is admitted whole or refused whole, and a refusal spends nothing.
 * Hits of one tick travel in one call, which is where the speed comes from; each is still judged by itself, in order.
 *
 * Not promised: a hit whose connection broke in flight may be sent, and spent, twice (never admitted twice: limits
 * err towards refusing). A failover that loses the last writes forgets what they spent. Refusals are counted for the
 * console as a statistic (see notes.ts).
 */
export class Limiter {
  readonly #client: Client;
  readonly #rules: readonly Rule[];
  readonly #onError: 'open' | 'closed' | undefined;
  readonly #deadline: Deadline | undefined;
  readonly #denials: Denials | undefined;
  readonly #notes: Notes;
  readonly #ones: readonly number[];
  readonly #sent = new Set<Promise<void>>();
  readonly #known = new Map<string, Known>();
  #waiting: Waiting[] = [];

  /**
   * @param limits one, or several that a hit must all have room in: `[{max: 10, perMs: 1000}, {max: 1000, perMs: 3600000}]`
   * @throws {UsageError} on a limit that cannot be meant
   */
  constructor(client: Client, limits: Limit | readonly Limit[], options: LimiterOptions = {}) {
    const { onError, timeoutMs = 500, localDeny = true } = options;
    this.#client = client;
    this.#rules = distinct([limits].flat().map(ruleOf));
    this.#onError = onError;
    this.#deadline = onError === undefined ? undefined : new Deadline(timeoutMs);
    this.#denials = localDeny ? new Denials() : undefined;
    this.#notes = Notes.of(client);
    this.#ones = this.#rules.map(() => 1);
  }

  /**
   * Spends `cost`, or refuses and spends nothing.
   * @throws {UsageError} when the subject is no name, or the cost no whole number from 1 up
   * @throws {WrongTypeError} when the key holds something else
   * @throws whatever Redis failed with, unless `onError` decides
   */
  hit(subject: string, cost = 1): Promise<Verdict> {
    if (!isWhole(cost, 1)) return Promise.reject(notWhole('cost', cost, 1));
    let known: Known;
    try {
      known = this.#knownOf(subject);
    } catch (error) {
      return Promise.reject(error);
    }
    const denied = this.#denials?.recall(subject, cost);
    if (denied) {
      this.#notes.touch(subject, this.#rules, denied);
      return Promise.resolve(denied);
    }
    return new Promise((resolve, reject) => {
      // After the continuations of the last answers: whatever they ask travels together.
      if (this.#waiting.push({ subject, cost, known, resolve, reject }) === 1)
        process.nextTick(() => this.#flush());
    });
  }

  /** What a hit would be answered, without spending. */
  async peek(subject: string, cost = 1): Promise<Verdict> {
    requireWhole('cost', cost, 0);
    const check = this.#checkOf(this.#knownOf(subject), cost);
    const [verdict] = await runChecks(this.#client, 'look', this.#rules, [check]);
    if (!verdict || verdict instanceof WrongTypeError) throw verdict;
    return verdict;
  }

  /** Resolves once every hit was answered and the index knows of them. The client stays open. */
  async close(): Promise<void> {
    this.#flush();
    await Promise.all(this.#sent);
    await this.#notes.flush();
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const load of loads(this.#client, waiting, largestLoad)) {
      const sent = this.#send(load).finally(() => this.#sent.delete(sent));
      this.#sent.add(sent);
    }
  }

  async #send(hits: readonly Waiting[]): Promise<void> {
    const sentAtMs = performance.now();
    const checks = hits.map(({ known, cost }) => this.#checkOf(known, cost));
    const ask = () => runChecks(this.#client, 'spend', this.#rules, checks);
    try {
      const verdicts = await (this.#deadline ? this.#deadline.within(this.#client, ask) : ask());
      for (const [i, { cost, subject, known, resolve, reject }] of hits.entries()) {
        const verdict = verdicts[i];
        if (!verdict || verdict instanceof WrongTypeError) {
          reject(verdict);
          continue;
        }
        this.#denials?.learn(verdict, cost, sentAtMs);
        if (!verdict.allowed || sentAtMs >= known.quietUntilMs) {
          known.quietUntilMs = this.#notes.touch(subject, this.#rules, verdict);
        }
        resolve(verdict);
      }
    } catch (error) {
      for (const { subject, resolve, reject } of hits) {
        if (this.#onError === undefined) reject(error);
        else resolve(undecided(subject, this.#rules, this.#onError));
      }
    }
  }

  #checkOf({ subjects, keys }: Known, cost: number): Check {
    return { subjects, keys, costs: cost === 1 ? this.#ones : this.#rules.map(() => cost) };
  }

  #knownOf(subject: string): Known {
    const known = this.#known.get(subject);
    if (known) return known;
    for (const rule of this.#rules) {
      requireKeyName(this.#client, subject, (name) => subjectMistake(name, rule));
    }
    const hasWindow = this.#rules.some(({ algorithm }) => algorithm === 'seed');
    const fresh = {
      subjects: this.#rules.map(() => subject),
      keys: hasWindow ? undefined : this.#rules.map((rule) => stateKey(this.#client, subject, rule, '')),
      quietUntilMs: 0,
    };
    // A process may meet very many subjects: forget rather than grow.
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(subject, fresh);
    return fresh;
  }
}

export type LimiterOptions = {
  /** What to answer when Redis fails or is silent: `open` admits, `closed` refuses. By default the failure is thrown. */
  readonly onError?: 'open' | 'closed';
  /** How long Redis may take before `onError` decides (500). */
  readonly timeoutMs?: number;
  /** Refuse a refused subject without asking until it may be retried, looking again each second (true). */
  readonly localDeny?: boolean;
};

type Waiting = {
  readonly subject: string;
  readonly cost: number;
  readonly known: Known;
  resolve(verdict: Verdict): void;
  reject(error: unknown): void;
};

/** What a hit need not work out again. */
type Known = {
  readonly subjects: readonly string[];
  readonly keys: readonly string[] | undefined;
  /** Until then the index has nothing to learn from a hit that was allowed. */
  quietUntilMs: number;
};

const mostKnown = 10_000;
/** Keeps one call well under a millisecond of the server's time. */
const largestLoad = 128;

function distinct(rules: readonly Rule[]): readonly Rule[] {
  if (rules.length === 0) throw new UsageError('Expected at least one limit, got none');
  requireDistinct(rules.map((rule) => memberOf('', rule)));
  return rules;
}

function undecided(subject: string, [rule]: readonly Rule[], onError: 'open' | 'closed'): Verdict {
  if (!rule) throw new Error('a limiter has at least one rule');
  const allowed = onError === 'open';
  const { max: limit, perMs } = rule;
  const retryAfterMs = allowed ? 0 : 1000;
  const algorithm = algorithmOf(rule);
  return {
    subject,
    allowed,
    limit,
    algorithm,
    perMs,
    remaining: 0,
    retryAfterMs,
    resetMs: 0,
    undecided: true,
  };
}
