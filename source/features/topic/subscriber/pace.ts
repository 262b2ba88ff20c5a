/**
 * When to rest for a moment between two readings. A publisher that sends one message after the other wakes its
 * subscriber for each; after a rest the same reading brings many, and everybody does less for each message. But one
 * that waits for an effect of each message would only wait longer. So a rest is tried now and then while messages
 * come in quick succession, kept up while it pays, and tried ever more rarely while it does not.
 */
export const restMs = 1;

const quickMs = 1;
const payingCount = 4;
const mostPoor = 3;
const firstTry = 8;
const rarestTry = 1024;

export class Pace {
  #isResting = false;
  /** How many rests in a row did not pay. */
  #poor = 0;
  /** How many readings in quick succession brought little. */
  #quick = 0;
  #tryAfter = firstTry;
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** Whether to rest before the next reading. */
  get isResting(): boolean {
    return this.#isResting;
  }

  /** What a reading brought, and when. */
  read(count: number, nowMs: number): void {
    if (count === 0) {
      this.#isResting = false;
      return;
    }
    const wasQuick = nowMs - this.#readAtMs <= quickMs;
    this.#readAtMs = nowMs;
    if (this.#isResting) {
      this.#poor = count >= payingCount ? 0 : this.#poor + 1;
      if (this.#poor === 0) this.#tryAfter = firstTry;
      if (this.#poor < mostPoor) return;
      this.#isResting = false;
      this.#tryAfter = Math.min(this.#tryAfter * 4, rarestTry);
      this.#quick = 0;
      return;
    }
    this.#quick = wasQuick && count < payingCount ? this.#quick + 1 : 0;
    this.#isResting = this.#quick >= this.#tryAfter;
    if (this.#isResting) this.#poor = 0;
  }
}
