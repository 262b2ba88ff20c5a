import { WrongTypeError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Handle, Listed, Redis, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import { clientOf } from '../../redis/connection/library-client.ts';
import { requireWholes, timerRange } from '../../values.ts';
import { warn } from '../../warnings.ts';
import type * as check from './check/check.ts';
import * as act from './check/hit-all.ts';
import { LeasedLimiter } from './check/lease.ts';
import { discover as discoverLimits, type FoundLimit } from './discover.ts';
import { Limiter as LimiterClass } from './limit.ts';
import * as uses from './list.ts';
import type { Algorithm } from './rules.ts';

// quarterdeck/limit: how much a subject may do, by the server's clock.

export type { Algorithm } from './rules.ts';

/** How much one subject may do: `max` in each `perMs`, by an algorithm (`fixed` unless given). */
export interface Rule {
  readonly max: number;
  readonly perMs: number;
  readonly algorithm?: Algorithm;
}

/** The answer to a hit. */
export interface Verdict {
  readonly subject: string;
  readonly allowed: boolean;
  /** The rule that decided: it refused longest, or else has the least left. */
  readonly max: number;
  readonly perMs: number;
  readonly algorithm: Algorithm;
  readonly remaining: number;
  /** 0 when allowed; Infinity when the cost is above the limit itself. */
  readonly retryAfterMs: number;
  /** Until nothing of the limit is spent any more. */
  readonly resetMs: number;
  /** Redis did not answer in time: `whenDown` decided this. */
  readonly isUndecided: boolean;
}

export interface Options {
  /** What to answer when Redis fails or is silent; by default the failure is thrown. */
  readonly whenDown?: 'allow' | 'deny';
  /** How long Redis may take before `whenDown` decides (500). */
  readonly timeoutMs?: number;
  /** Refuse a refused subject from memory until it may be retried, looking again each second (true). */
  readonly localDeny?: boolean;
  /** Take so many permits at a time and hand them out from memory: for very hot subjects, with one rule. */
  readonly lease?: number;
}

/** Answers hits of any number of subjects. Closing waits for what was asked. */
export interface Limiter extends Handle {
  /**
   * Spends `cost`, or refuses and spends nothing.
   * @throws {WrongTypeError} when the key holds something else
   */
  hit(subject: string, options?: Call & { readonly cost?: number }): Promise<Verdict>;
  /** What a hit would be answered, without spending. */
  peek(subject: string, options?: Call & { readonly cost?: number }): Promise<Verdict>;
}

export interface Status extends Required<Rule> {
  readonly subject: string;
  readonly used: number;
  readonly remaining: number;
  readonly resetMs: number;
  /** Refusals since the subject was first seen; undefined where others wrote no exact number. */
  readonly denied: number | undefined;
}

/** A limit known by its key alone, as other programs keep them: a key tells what was used, not of how much. */
export interface Discovered {
  readonly subject: string;
  readonly algorithm: Algorithm;
  readonly max: undefined;
  readonly perMs: number;
  /** Undefined for `gcra`, whose key counts in parts of a limit that it does not name. */
  readonly used: number | undefined;
  readonly remaining: undefined;
  readonly resetMs: number;
  readonly denied: undefined;
}

/**
 * A limiter of one rule, or of several that a hit must all have room in. Closing waits for what was asked.
 * @throws {UsageError} on rules that cannot be meant, {UnsupportedClientError}
 */
export function open(
  redis: Redis,
  rules: Rule | readonly Rule[],
  { whenDown, lease, ...others }: Options = {},
): Limiter {
  requireWholes({ timeoutMs: others.timeoutMs }, timerRange);
  const client = clientOf(redis);
  const options = {
    ...others,
    ...(whenDown !== undefined && {
      onError: whenDown === 'allow' ? ('open' as const) : ('closed' as const),
    }),
  };
  const looking = new LimiterClass(client, rules, options);
  const [first] = [rules].flat();
  const spending =
    lease === undefined || first === undefined
      ? looking
      : new LeasedLimiter(client, first, { ...options, permits: lease });
  const close = async (): Promise<void> => {
    await Promise.all([spending.close(), looking.close()]);
  };
  return {
    hit: async (subject, { cost, ...call } = {}) =>
      verdictOf(await cancellable(call, () => spending.hit(subject, cost))),
    peek: async (subject, { cost, ...call } = {}) =>
      verdictOf(await cancellable(call, () => looking.peek(subject, cost))),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Spends from the limits of several subjects, such as a user, an address and everyone: all of them or none. In
 * Cluster the subjects share a slot, so they carry one hash tag: `{acme}:user:7`, `{acme}:everyone`.
 * @throws {UsageError} when one limit is named twice
 */
export async function hitAll(
  redis: Redis,
  demands: readonly (Rule & { readonly subject: string; readonly cost?: number })[],
  options: Call = {},
): Promise<Verdict> {
  const client = clientOf(redis);
  return verdictOf(await cancellable(options, () => act.hitAll(client, demands)));
}

/**
 * Of all limits of a subject the one with the least left, which decides the answer to its next hit; undefined if none is
 * in use.
 * @throws {WrongTypeError} when the key of one of its limits holds something else; {UnreadableReplyError} when the maximum of
 * one is not known
 */
export async function status(redis: Redis, subject: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  const [first] = await cancellable(options, () => uses.usesOfSubject(client, subject));
  return first && asStatus(first);
}

/**
 * The limits in use, most recently noted first; `skip` leaves out the first of them. With `discover` those follow that
 * only their keys tell of. One whose key holds something else is warned of.
 */
export async function list(
  redis: Redis,
  options?: Listed & { readonly skip?: number; readonly discover?: false | undefined },
): Promise<Status[]>;
export async function list(
  redis: Redis,
  options: Listed & { readonly skip?: number },
): Promise<(Status | Discovered)[]>;
export async function list(
  redis: Redis,
  { limit, skip = 0, discover = false, onEvent, ...call }: Listed & { readonly skip?: number } = {},
): Promise<(Status | Discovered)[]> {
  requireWholes({ limit, skip });
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const tell = (cut: string): void => warn(onEvent, new CutError(cut));
    const page = limit === undefined ? undefined : await uses.list(client, { count: limit, skip });
    for (const text of page?.unknown ?? []) tell(text);
    const { limits, foreign } = page ?? (await uses.listAll(client, tell));
    const found = discover ? await discoverLimits(client, call.signal) : { limits: [], foreign: [] };
    for (const key of new Set([...foreign, ...found.foreign]))
      warn(onEvent, new WrongTypeError(key, 'rate limit'));
    const known = (limit === undefined ? limits.slice(skip) : limits).map(asStatus);
    return [...known, ...found.limits.map(asDiscovered)].slice(0, limit);
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/**
 * Gives a subject all of its limits back and forgets its refusals.
 * @returns whether any were known
 * @throws {WrongTypeError} when a key holds something else by now; nothing is deleted then
 */
export async function remove(redis: Redis, subject: string, options: Call = {}): Promise<boolean> {
  const client = clientOf(redis);
  return (await cancellable(options, () => uses.reset(client, subject))) > 0;
}

/**
 * A verdict as the headers of an HTTP response: `RateLimit` and `RateLimit-Policy` as the IETF draft
 * draft-ietf-httpapi-ratelimit-headers has them, and `Retry-After` (whole seconds) on a refusal.
 */
export function headers({
  max,
  perMs,
  remaining,
  allowed,
  retryAfterMs,
  resetMs,
}: Verdict): Record<string, string> {
  const seconds = (ms: number): number => Math.ceil(ms / 1000);
  return {
    'RateLimit-Policy': `"default";q=${max};w=${seconds(perMs)}`,
    RateLimit: `"default";r=${remaining};t=${seconds(resetMs)}`,
    ...(!allowed && Number.isFinite(retryAfterMs) && { 'Retry-After': String(seconds(retryAfterMs)) }),
  };
}

function asStatus({ limit: max, layout: _, ...use }: uses.LimitUse): Status {
  return { ...use, max };
}

function asDiscovered({ subject, algorithm, perMs, used, resetMs }: FoundLimit): Discovered {
  const unknown = { max: undefined, remaining: undefined, denied: undefined };
  return { subject, algorithm, perMs, used: used ?? undefined, resetMs, ...unknown };
}

function verdictOf({ limit, undecided, ...verdict }: check.Verdict): Verdict {
  return { ...verdict, max: limit, isUndecided: undecided === true };
}

/** @deprecated since 0.2: `open` */
export const Limiter = LimiterClass;
export {
  /** @deprecated since 0.2: `open` with `lease` */
  LeasedLimiter,
} from './check/lease.ts';
export type {
  /** @deprecated since 0.2: `Options` */
  LimiterOptions,
} from './limit.ts';
export {
  /** @deprecated since 0.2: `remove`, which says whether there was something */
  type LimitUse,
  /** @deprecated since 0.2: `remove`, which says whether there was something */
  reset,
} from './list.ts';
export type {
  /** @deprecated since 0.2: `Rule` */
  Limit,
} from './rules.ts';
