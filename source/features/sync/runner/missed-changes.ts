import type { Pending } from '../pending.ts';

/** More names than these are counted at once, without waiting for their events. */
const mostNames = 100_000;

/** What a full comparison found and no event has reported. */
export class MissedChanges {
  readonly #pending: Pending;
  readonly #names: string[] = [];
  #others = 0;

  constructor(pending: Pending) {
    this.#pending = pending;
  }

  note(changed: string): void {
    if (this.#pending.has(changed)) return;
    if (this.#names.length < mostNames) this.#names.push(changed);
    else this.#others += 1;
  }

  /** By now: an event may have been on its way. */
  count(): number {
    return this.#others + this.#names.filter((changed) => !this.#pending.has(changed)).length;
  }
}
