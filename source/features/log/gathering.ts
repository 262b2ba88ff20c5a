import { mostDistinct, mostRecent } from './log.ts';
import { recentLine } from './recent-line.ts';

/** How often a message came, and a line it stands for. */
export type Count = { count: number; readonly sample: string };

export type Gathered = {
  readonly counts: ReadonlyMap<string, Count>;
  /** Lines for the recent list, oldest first. */
  readonly lines: readonly string[];
  /** How many messages these are. */
  readonly size: number;
};

/** Messages on their way: counts, and the last lines. Its size is bounded whatever comes, and the sum stays right. */
export class Gathering {
  #counts = new Map<string, Count>();
  #lines: { readonly atMs: number; readonly line: string }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(message: string, line: string): void {
    this.#size += 1;
    this.#lines.push({ atMs: Date.now(), line });
    if (this.#lines.length >= 2 * mostRecent) this.#lines.splice(0, this.#lines.length - mostRecent);
    const isNew = !this.#counts.has(message);
    // Only a process that never waits comes to this, with Redis away for long.
    const key = isNew && this.#counts.size >= mostDistinct ? everything : message;
    const known = this.#counts.get(key);
    if (known) known.count += 1;
    else this.#counts.set(key, { count: 1, sample: line });
  }

  /** Hands over what there is, and begins anew. */
  take(): Gathered {
    const lines = this.#lines.slice(-mostRecent).map(({ atMs, line }) => recentLine(atMs, line));
    const gathered = { counts: this.#counts, lines, size: this.#size };
    this.#counts = new Map();
    this.#lines = [];
    this.#size = 0;
    return gathered;
  }
}

/** The template that every message has. */
const everything = '<*>';
