import { UsageError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { guessServerMs } from '../../redis/clock.ts';
import { keyFamily } from '../../redis/keys.ts';
import { nameMistake } from '../../values.ts';

export const algorithms = ['fixed', 'sliding', 'gcra'] as const;
export type Algorithm = (typeof algorithms)[number];

/** How much one subject may do. */
export type Limit = {
  /**
   * `fixed` (the default): `max` in each period of the server's clock, so up to `2 max` around a boundary.
   * `sliding`: `max` in any period, wherever it begins; room returns at most a sixtieth of the period late.
   * `gcra`: `max` at once, then one each `perMs / max`, evenly.
   */
  readonly algorithm?: Algorithm;
  readonly max: number;
  readonly perMs: number;
  /** `seed`: counts in plain keys `<subject>:<epoch / 60>`, shared with programs that INCR them; fixed, 1 minute. */
  readonly layout?: 'seed';
};

/** A checked limit. `seed` counts as `fixed` does, in keys that name their window. */
export type Rule = {
  readonly algorithm: Algorithm | 'seed';
  readonly max: number;
  readonly perMs: number;
};

export function algorithmOf({ algorithm }: Rule): Algorithm {
  return algorithm === 'seed' ? 'fixed' : algorithm;
}

/** Below this a round trip is no longer small against the period. */
export const shortestPerMs = 10;
export const longestPerMs = 366 * 86_400_000;
/** Sums stay exact in the server's arithmetic. */
export const largestMax = 1_000_000_000;
export const seedPerMs = 60_000;

/** @throws {UsageError} on a limit that cannot be meant */
export function ruleOf({ algorithm = 'fixed', max, perMs, layout }: Limit): Rule {
  if (!algorithms.includes(algorithm)) {
    throw new UsageError(
      `Expected \`algorithm\` to be one of ${algorithms.join(', ')}, got \`${algorithm}\``,
    );
  }
  requireWhole('max', max, 1);
  if (!Number.isInteger(perMs) || perMs < shortestPerMs || perMs > longestPerMs) {
    throw new UsageError(`Expected \`perMs\` to be whole milliseconds from 10ms to 366d, got \`${perMs}\``);
  }
  if (layout === undefined) return { algorithm, max, perMs };
  if (algorithm !== 'fixed' || perMs !== seedPerMs) {
    throw new UsageError('The seed layout counts in fixed windows of 1m only', {
      hint: 'Use --algorithm fixed --per 1m with --layout seed, or leave the layout out',
    });
  }
  return { algorithm: 'seed', max, perMs };
}

export function isWhole(value: number, min: number): boolean {
  return Number.isInteger(value) && value >= min && value <= largestMax;
}

export function notWhole(name: string, value: number, min: number): UsageError {
  return new UsageError(
    `Expected \`${name}\` to be a whole number from ${min} to ${largestMax}, got \`${value}\``,
  );
}

export function requireWhole(name: string, value: number, min: number): void {
  if (!isWhole(value, min)) throw notWhole(name, value, min);
}

/**
 * Why nobody can be limited under this name by such a rule; undefined if they can. Plain keys have only the name in
 * front: one that begins as our own keys do would be one of them.
 */
export function subjectMistake(subject: unknown, { algorithm }: Pick<Rule, 'algorithm'>): string | undefined {
  const mistake = nameMistake(subject);
  if (mistake !== undefined) return mistake;
  return algorithm === 'seed' && ownKey.test(String(subject))
    ? 'Expected a name for plain keys that does not look like a key of ours, such as `limit:…:fixed`'
    : undefined;
}

const ownKey = /^limit:.+:(?:fixed|sliding|gcra)$/s;

/** The window a `seed` key is named after, by the server's clock as far as we know it; empty for other rules. */
export function windowOf(client: Client, rule: Rule): number | '' {
  return rule.algorithm === 'seed' ? Math.floor(guessServerMs(client) / rule.perMs) : '';
}

export function stateKey(client: Client, subject: string, rule: Rule, window: number | ''): string {
  const state = window === '' ? `limit:*:${rule.algorithm}:${rule.perMs}` : `*:${window}`;
  return keyFamily(client, subject, { state }).state;
}

/** How the index calls one limit of one subject. */
export function memberOf(subject: string, rule: Rule): string {
  return `${rule.algorithm}:${rule.perMs}:${subject}`;
}

/** The subject and rule behind a member of the index, or undefined for a member we did not write. */
export function limitOfMember(member: string, max: number): { subject: string; rule: Rule } | undefined {
  const [, algorithm, perMs, subject] = /^(fixed|sliding|gcra|seed):(\d+):(.+)$/s.exec(member) ?? [];
  if (algorithm === undefined || subject === undefined) return;
  return { subject, rule: { algorithm: algorithm as Rule['algorithm'], max, perMs: Number(perMs) } };
}

/** @throws {UsageError} when two limits would share a key */
export function requireDistinct(members: readonly string[]): void {
  if (new Set(members).size === members.length) return;
  throw new UsageError('Expected each limit once: two of one algorithm and period share a key');
}
