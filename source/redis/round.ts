import type { Client } from './client.ts';
import { registeredPages } from './registry.ts';

/** Of names that one step looks at. */
const mostBytes = 16_384;

/**
 * Going through an index a little at a time, over and over: what a console knows of everything although none of its
 * readings grows with the number of things. Totals are complete once a round is; the next one replaces it.
 */
export class IndexRound<Totals> {
  readonly #client: Client;
  readonly #family: string;
  readonly #empty: () => Totals;
  #pages: ReturnType<typeof registeredPages> | undefined;
  #names: string[] = [];
  #seen = new Set<string>();
  #totals: Totals;
  /** Of the last round that was finished; undefined before the first. */
  last: Totals | undefined;

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

  /** Lets `look` add what it finds about the next names, `most` of them at most, to the totals of this round. */
  async step(most: number, look: (names: readonly string[], totals: Totals) => Promise<void>): Promise<void> {
    this.#pages ??= registeredPages(this.#client, this.#family);
    try {
      while (this.#names.length === 0) {
        const { done, value } = await this.#pages.next();
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
    this.last = this.#totals;
    this.#restart();
  }

  #restart(): void {
    this.#pages = undefined;
    this.#names = [];
    this.#seen = new Set();
    this.#totals = this.#empty();
  }
}
