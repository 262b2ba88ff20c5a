/**
 * When to rest for a moment between two readings. A publisher that sends one message after the other wakes its
 * subscriber for each; after a rest the same reading brings many, and everybody does less for each message. But one
 * that waits for an effect of each message would only wait longer. So a rest is tried now and then while messages
 * come in quick succession, kept up while it pays, and tried ever more rarely while it does not.
 */
export const restMs = 1;

const quickMs = 1;
const payingCount = 4;
const firstTry = 8;
const rarestTry = 1024;

export class Pace {
  #isPaying = false;
  #isTrying = false;
  #quick = 0;
  #tryAfter = firstTry;
  #readAtMs = Number.NEGATIVE_INFINITY;

  get isResting(): boolean {
    return this.#isPaying || this.#isTrying;
  }

  /** What a reading brought, and when. */
  read(count: number, nowMs: number): void {
    if (count === 0) return;
    const wasQuick = nowMs - this.#readAtMs <= quickMs;
    this.#readAtMs = nowMs;
    if (this.isResting) {
      this.#isPaying = count >= payingCount;
      this.#tryAfter = this.#isPaying ? firstTry : Math.min(this.#tryAfter * 2, rarestTry);
      this.#quick = 0;
      this.#isTrying = false;
      return;
    }
    this.#quick = wasQuick && count < payingCount ? this.#quick + 1 : 0;
    this.#isTrying = this.#quick >= this.#tryAfter;
  }
}
