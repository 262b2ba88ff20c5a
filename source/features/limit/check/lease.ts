import type { Client } from '../../../redis/client.ts';
import { Limiter, type LimiterOptions } from '../limit.ts';
import { algorithmOf, isWhole, type Limit, notWhole, type Rule, requireWhole, ruleOf } from '../rules.ts';
import type { Verdict } from './check.ts';

/**
 * A limiter for very hot subjects: it takes permits from Redis a batch at a time and hands them out from memory.
 *
 * What that costs: a permit is spent in Redis when taken, admitted when handed out. So in any period T, P processes
 * admit at most what the limit itself admits in T, plus the permits they held when T began: `P * permits`. Permits
 * not handed out within `perMs`, or when a process ends, are lost: it errs towards refusing. And one process may
 * hold permits while another is refused. A cost above `permits` is taken as it is.
 */
export class LeasedLimiter {
  readonly #limiter: Limiter;
  readonly #permits: number;
  readonly #rule: Rule;
  readonly #leases = new Map<string, Lease>();
  readonly #taking = new Map<string, Taking>();

  /**
   * @param options.permits how many one process takes at a time; at most the limit's own `max`
   * @throws {UsageError} on a limit or a number of permits that cannot be meant
   */
  constructor(client: Client, limit: Limit, options: LimiterOptions & { readonly permits: number }) {
    this.#rule = ruleOf(limit);
    requireWhole('permits', options.permits, 1);
    this.#limiter = new Limiter(client, limit, options);
    this.#permits = Math.min(options.permits, this.#rule.max);
  }

  /** As Limiter.hit; `remaining` counts what this process holds and what was left when it took that. */
  async hit(subject: string, cost = 1): Promise<Verdict> {
    if (!isWhole(cost, 1)) throw notWhole('cost', cost, 1);
    for (;;) {
      const verdict = this.#handOut(subject, cost);
      if (verdict) return verdict;
      const others = this.#taking.get(subject);
      const { cost: asked, verdict: answer } = others ?? this.#take(subject, cost);
      const taken = await answer;
      if (taken.undecided) return taken;
      // What was refused to somebody who wanted more may still do for us.
      if (!taken.allowed && asked <= cost) return taken;
    }
  }

  /** Resolves once the index knows of every hit. Permits still held are lost. */
  async close(): Promise<void> {
    this.#leases.clear();
    await this.#limiter.close();
  }

  #handOut(subject: string, cost: number): Verdict | undefined {
    const lease = this.#leases.get(subject);
    if (!lease || lease.left < cost || performance.now() >= lease.untilMs) return;
    lease.left -= cost;
    const { left, behind, resetMs } = lease;
    return {
      subject,
      allowed: true,
      limit: this.#rule.max,
      algorithm: algorithmOf(this.#rule),
      perMs: this.#rule.perMs,
      remaining: left + behind,
      retryAfterMs: 0,
      resetMs,
    };
  }

  #take(subject: string, cost: number): Taking {
    const verdict = this.#ask(subject, cost).finally(() => this.#taking.delete(subject));
    const taking = { cost, verdict };
    this.#taking.set(subject, taking);
    return taking;
  }

  async #ask(subject: string, cost: number): Promise<Verdict> {
    const now = performance.now();
    const lease = this.#leases.get(subject);
    const held = lease && now < lease.untilMs ? lease.left : 0;
    // Never more in hand than one batch, or the bound above would not hold.
    const wanted = Math.max(this.#permits, cost) - held;
    let taken = wanted;
    let verdict = await this.#limiter.hit(subject, taken);
    if (!verdict.allowed && verdict.remaining > 0 && verdict.remaining + held >= cost) {
      taken = Math.min(wanted, verdict.remaining);
      verdict = await this.#limiter.hit(subject, taken);
    }
    if (verdict.allowed && !verdict.undecided) {
      if (this.#leases.size >= mostLeases) this.#leases.clear();
      this.#leases.set(subject, {
        left: held + taken,
        behind: verdict.remaining,
        resetMs: verdict.resetMs,
        untilMs: now + this.#rule.perMs,
      });
    }
    return verdict;
  }
}

type Lease = { left: number; readonly behind: number; readonly resetMs: number; readonly untilMs: number };

type Taking = { readonly cost: number; readonly verdict: Promise<Verdict> };

const mostLeases = 10_000;
