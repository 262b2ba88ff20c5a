import type { Verdict } from './check.ts';

/**
 * Remembers refusals so that a subject already refused is refused again without asking, until `retryAfterMs` has
 * passed. Measured on the monotonic clock from before the question was sent, so never longer than the server said.
 * Each subject is asked about again once a second: a reset, or a larger maximum, shows within that time.
 */
export class Denials {
  readonly #bySubject = new Map<string, Denial>();

  recall(subject: string, cost: number): Verdict | undefined {
    const denial = this.#bySubject.get(subject);
    if (!denial) return;
    const now = performance.now();
    if (now >= denial.untilMs) {
      this.#bySubject.delete(subject);
      return;
    }
    if (cost < denial.cost) return;
    const { verdict, retryAtMs, resetAtMs } = denial;
    return {
      ...verdict,
      retryAfterMs: Math.max(1, Math.ceil(retryAtMs - now)),
      resetMs: Math.max(1, Math.ceil(resetAtMs - now)),
    };
  }

  learn(verdict: Verdict, cost: number, sentAtMs: number): void {
    if (verdict.allowed || !Number.isFinite(verdict.retryAfterMs)) {
      if (verdict.allowed && this.#bySubject.size > 0) this.#bySubject.delete(verdict.subject);
      return;
    }
    const oldest = this.#bySubject.keys().next().value;
    if (this.#bySubject.size >= mostRemembered && oldest !== undefined) this.#bySubject.delete(oldest);
    const retryAtMs = sentAtMs + verdict.retryAfterMs;
    this.#bySubject.set(verdict.subject, {
      verdict,
      cost,
      retryAtMs,
      resetAtMs: sentAtMs + verdict.resetMs,
      untilMs: Math.min(retryAtMs, performance.now() + askAgainMs),
    });
  }
}

type Denial = {
  readonly verdict: Verdict;
  readonly cost: number;
  readonly retryAtMs: number;
  readonly resetAtMs: number;
  readonly untilMs: number;
};

const askAgainMs = 1000;
const mostRemembered = 10_000;
