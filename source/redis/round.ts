import { createHash } from 'node:crypto';
import type { Client } from './client.ts';
import { registeredPages } from './registry.ts';

/** Of names that one step looks at. */
const mostBytes = 16_384;

/** So often a round begins again because names vanished; then it goes on, or it would never end where they come and go. */
const mostRestarts = 3;

/**
 * Going through an index a little at a time, over and over: what a console knows of everything although none of its
 * readings grows with the number of things. Totals are complete once a round is; the next one replaces it. Where far
 * fewer names are left than were seen (a flush, a restart without data), what was counted is dropped.
 */
export class IndexRound<Totals> {
  readonly #client: Client;
  readonly #family: string;
  readonly #empty: () => Totals;
  #pages: ReturnType<typeof registeredPages> | undefined;
  #names: string[] = [];
  /** Of the names; where they are long, what stands for them: somebody may have written very many. */
  readonly #seen = new Set<string>();
  #known = 0;
  #totals: Totals;
  #restarts = 0;
  #steppedAtMs = Number.NEGATIVE_INFINITY;
  #last: { readonly totals: Totals; readonly seen: number } | undefined;

  constructor(client: Client, family: string, empty: () => Totals) {
    this.#client = client;
    this.#family = family;
    this.#empty = empty;
    this.#totals = empty();
  }

  /** Of the round that goes on. */
  get totals(): Totals {
    return this.#totals;
  }

  /** How many names this round has looked at, and how many there are. */
  get progress(): Progress {
    return { looked: this.#seen.size - this.#names.length, known: this.#known };
  }

  /** Whether the last step is so long ago; always before the first round is finished. */
  isDue(everyMs: number): boolean {
    return this.#last === undefined || performance.now() - this.#steppedAtMs >= everyMs;
  }

  /**
   * What the last finished round counted; undefined before the first.
   * @param there how many names the index has now: with far fewer than were counted, nothing is known
   */
  last(there: number): Totals | undefined {
    this.#known = there;
    if (this.#last && hasCollapsed(this.#last.seen, there)) this.#last = undefined;
    if (this.#restarts < mostRestarts && hasCollapsed(this.#seen.size, there)) {
      this.#restart();
      this.#restarts += 1;
    }
    return this.#last?.totals;
  }

  /** Lets `look` add what it finds about the next names, `most` of them at most, to the totals of this round. */
  async step(most: number, look: (names: readonly string[], totals: Totals) => Promise<void>): Promise<void> {
    this.#steppedAtMs = performance.now();
    this.#pages ??= registeredPages(this.#client, this.#family);
    const pages = this.#pages;
    try {
      while (this.#names.length === 0) {
        const { done, value } = await pages.next();
        // The round began again meanwhile.
        if (pages !== this.#pages) return;
        if (done) return this.#finish();
        // A name may come twice while the index changes.
        for (const { name } of value) {
          const mark = markOf(name);
          if (this.#seen.has(mark)) continue;
          this.#seen.add(mark);
          this.#names.push(name);
        }
      }
      await look(this.#take(most), this.#totals);
    } catch (error) {
      // What was looked at is not all: begin again.
      this.#restart();
      throw error;
    }
  }

  /** The next ones; where names are long, fewer of them. */
  #take(most: number): readonly string[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(most, this.#names.length) && bytes < mostBytes; count += 1)
      bytes += Buffer.byteLength(this.#names[count] ?? '');
    return this.#names.splice(0, count);
  }

  #finish(): void {
    this.#last = { totals: this.#totals, seen: this.#seen.size };
    this.#restarts = 0;
    this.#restart();
  }

  #restart(): void {
    this.#pages = undefined;
    this.#names = [];
    this.#seen.clear();
    this.#totals = this.#empty();
  }
}

export type Progress = { readonly looked: number; readonly known: number };

const digestLength = 28;

/** A short name itself, and what nobody makes twice instead of a long one. */
function markOf(name: string): string {
  return name.length < digestLength ? name : createHash('sha1').update(name).digest('base64');
}

const mostKept = 200;

/** What a round finds, as much as is ever shown, and how much more there was: others decide how much that is. */
export class Kept<Item> {
  readonly items: Item[] = [];
  /** How many were not kept. */
  more = 0;

  add(...found: readonly Item[]): void {
    const room = Math.max(0, mostKept - this.items.length);
    this.items.push(...found.slice(0, room));
    this.more += Math.max(0, found.length - room);
  }

  /** How many of what was found are not shown. @param shown how many are: of those kept, and of the others as well */
  leftOut(shown: number): number {
    return Math.max(0, this.items.length + this.more - shown);
  }
}

/** Sentences that are each kept once, with one more for those that were not kept. */
export function sentencesOf({ items, more }: Kept<string>): readonly string[] {
  const rest = more === 0 ? [] : [`${more.toLocaleString('en')} more of the kind`];
  return [...new Set(items), ...rest];
}

/** More than half of what was seen is gone. */
function hasCollapsed(seen: number, there: number): boolean {
  return there * 2 < seen;
}

/** The rounds of one family, one for each client. */
export class IndexRounds<Totals> {
  readonly #family: string;
  readonly #empty: () => Totals;
  readonly #rounds = new WeakMap<Client, IndexRound<Totals>>();

  constructor(family: string, empty: () => Totals) {
    this.#family = family;
    this.#empty = empty;
  }

  /** The one that goes on, or a new one. */
  of(client: Client): IndexRound<Totals> {
    const known = this.#rounds.get(client) ?? new IndexRound(client, this.#family, this.#empty);
    this.#rounds.set(client, known);
    return known;
  }

  /**
   * How far the round is; undefined where none goes on.
   * @param unfinished how many of those it has looked at it has not seen to their end
   */
  progress(client: Client, unfinished: (totals: Totals) => number = () => 0): Progress | undefined {
    const round = this.#rounds.get(client);
    if (!round) return;
    const { looked, known } = round.progress;
    return { looked: Math.max(0, looked - unfinished(round.totals)), known };
  }

  /** One reading shows everything there is: what was counted before is not to be shown later. */
  end(client: Client): void {
    this.#rounds.delete(client);
  }
}
