import { short } from './cut.ts';
import { mostDistinct, mostRecent } from './log.ts';
import { recentLine } from './recent-line.ts';

/** How often a message came, and a line it stands for. */
export type Count = { count: number; readonly sample: string };

/** What goes out in one command. */
export type Gathered = {
  readonly counts: ReadonlyMap<string, Count>;
  /** Lines for the recent list, oldest first. */
  readonly lines: readonly string[];
  /** How many messages these are. */
  readonly size: number;
};

/** With three words a message, the lines and what a writer learned one command stays below 3,000 words. */
const mostInCommand = 850;

/** Messages on their way: counts, and the last lines. Its size is bounded whatever comes, and the sum stays right. */
export class Gathering {
  #counts = new Map<string, Count>();
  /** The last lines, in a ring. */
  readonly #lines: string[] = [];
  readonly #times: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(message: string, line: string): void {
    const at = this.#size % mostRecent;
    this.#lines[at] = line;
    this.#times[at] = Date.now();
    this.#size += 1;
    const known = this.#counts.get(message);
    if (known) known.count += 1;
    else this.#addNew(message, line);
  }

  /** Hands over what there is, in commands of a bounded size, and begins anew. */
  take(): Gathered[] {
    const lines: string[] = [];
    for (let id = Math.max(0, this.#size - mostRecent); id < this.#size; id += 1) {
      const at = id % mostRecent;
      lines.push(recentLine(this.#times[at] ?? 0, this.#lines[at] ?? ''));
    }
    const counts = [...this.#counts];
    const gathered: Gathered[] = [];
    for (let from = 0; from < counts.length; from += mostInCommand) {
      const some = counts.slice(from, from + mostInCommand);
      const size = some.reduce((sum, [, { count }]) => sum + count, 0);
      gathered.push({ counts: new Map(some), lines: from === 0 ? lines : [], size });
    }
    this.#counts = new Map();
    this.#size = 0;
    return gathered;
  }

  #addNew(message: string, line: string): void {
    // Only a process that never waits comes to the bound, with Redis away for long.
    const key = this.#counts.size < mostDistinct ? message : everything;
    const known = this.#counts.get(key);
    if (known) known.count += 1;
    else this.#counts.set(key, { count: 1, sample: short(line) });
  }
}

/** The template that every message has. */
const everything = '<*>';
