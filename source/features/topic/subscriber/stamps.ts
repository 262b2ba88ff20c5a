import { type Item, isGap } from '../layout.ts';

/** Remembers when what was taken and not yet acknowledged had been stored: one number for messages stored together. */
export class Stamps {
  readonly #runs: { to: number; readonly at: number }[] = [];

  add(items: readonly Item[]): void {
    let run = this.#runs.at(-1);
    for (const item of items) {
      const at = isGap(item) ? 0 : (item.at ?? 0);
      const to = isGap(item) ? item.gap.to : item.id;
      if (run?.at === at) {
        run.to = to;
        continue;
      }
      run = { to, at };
      this.#runs.push(run);
    }
  }

  clear(): void {
    this.#runs.length = 0;
  }

  /** The time of this id; 0 when it was not taken. What lies before it is forgotten. */
  timeOf(id: number): number {
    const first = this.#runs.findIndex(({ to }) => to >= id);
    this.#runs.splice(0, first === -1 ? this.#runs.length : first);
    return this.#runs[0]?.at ?? 0;
  }
}
