import * as v from 'valibot';
import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { typed } from '../../../redis/wrong-type.ts';
import type { Failure } from '../copy/copied.ts';
import { syncKeys } from '../keys.ts';

/** A path that could not be copied: kept, so that acknowledging the rest of its batch loses nothing. */
const failing = v.object({ sinceMs: v.number(), reason: v.string() });
export type Failing = v.InferOutput<typeof failing>;

/** Of one command. */
const mostFields = 1000;
const longestReason = 300;

/** What failed at one target, in Redis: survives the runner. */
export class Failures {
  readonly #redis: Client;
  readonly #key: string;
  readonly #target: string;
  #known = new Map<string, Failing>();

  constructor(redis: Client, channel: string, target: string) {
    this.#redis = redis;
    this.#key = syncKeys(redis, channel).failed;
    this.#target = target;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Some of them, those that have failed for longest first. */
  sample(most: number): { path: string; reason: string }[] {
    return [...this.#known].slice(0, most).map(([path, { reason }]) => ({ path, reason }));
  }

  paths(): string[] {
    return [...this.#known.keys()];
  }

  /**
   * What runners before left.
   * @throws {WrongTypeError}
   */
  async load(): Promise<void> {
    this.#known = new Map();
    let cursor = '0';
    do {
      const from = cursor;
      const [next, flat] = await typed(
        this.#redis,
        { [this.#key]: 'hash' },
        retryAborted(() => this.#redis.hscan(this.#key, from, 'COUNT', mostFields)),
      );
      cursor = next;
      for (let index = 0; index < flat.length; index += 2) {
        const field = flat[index] ?? '';
        if (field.startsWith(this.#field('')))
          this.#known.set(field.slice(this.#field('').length), read(flat[index + 1] ?? ''));
      }
    } while (cursor !== '0');
  }

  /**
   * Takes in the outcome of a batch: what failed is kept, what went well is forgotten. Where rsync did not say which
   * path it complained of, the whole batch counts as failed.
   * @returns those that failed for a reason that is new
   */
  async note(
    batch: readonly string[],
    failed: readonly Failure[],
  ): Promise<readonly { readonly path: string; readonly reason: string }[]> {
    const unnamed = failed.find(({ path }) => path === undefined);
    const failures = new Map(unnamed ? batch.map((path) => [path, unnamed.reason]) : []);
    for (const { path, reason } of failed) if (path !== undefined) failures.set(path, reason);
    const mended = batch.filter((path) => !failures.has(path) && this.#known.has(path));
    for (const path of mended) this.#known.delete(path);
    await inPieces(mended, (some) =>
      retryAborted(() => this.#redis.hdel(this.#key, ...some.map((path) => this.#field(path)))),
    );
    const news = [...failures]
      .map(([path, reason]) => ({ path, reason: reason.slice(0, longestReason) }))
      .filter(({ path, reason }) => this.#known.get(path)?.reason !== reason);
    for (const { path, reason } of news)
      this.#known.set(path, { reason, sinceMs: this.#known.get(path)?.sinceMs ?? Date.now() });
    await inPieces(news, (some) => {
      const fields = some.flatMap(({ path }) => [this.#field(path), JSON.stringify(this.#known.get(path))]);
      return retryAborted(() => this.#redis.hset(this.#key, ...fields));
    });
    return news;
  }

  async clear(): Promise<void> {
    await this.load();
    await this.note(this.paths(), []);
  }

  #field(path: string): string {
    return `${this.#target}\n${path}`;
  }
}

async function inPieces<Item>(
  items: readonly Item[],
  send: (some: readonly Item[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < items.length; from += mostFields)
    await send(items.slice(from, from + mostFields));
}

/** Versions before wrote since when alone. */
function read(text: string): Failing {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), failing), text);
  return success ? output : { sinceMs: Number(text) || 0, reason: 'not known yet' };
}
