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
  #seen = new Set<string>();
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

  /** Whether the last step is so long ago; always before the first round is finished. */
  isDue(everyMs: number): boolean {
    return this.#last === undefined || performance.now() - this.#steppedAtMs >= everyMs;
  }

  /**
   * What the last finished round counted; undefined before the first.
   * @param there how many names the index has now: with far fewer than were counted, nothing is known
   */
  last(there: number): Totals | undefined {
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
        for (const { name } of value) if (!this.#seen.has(name)) this.#names.push(name);
        for (const name of this.#names) this.#seen.add(name);
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
    this.#seen = new Set();
    this.#totals = this.#empty();
  }
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

  /** One reading shows everything there is: what was counted before is not to be shown later. */
  end(client: Client): void {
    this.#rounds.delete(client);
  }
}
