import type { Failures } from './failures.ts';

export const longestBackoffMs = 60_000;

/** Paths that rsync complained of are tried again, later each time: they are not to hold up the next batches. */
export class Retries {
  readonly #failures: Failures;
  readonly #everyMs: number;
  readonly #onDue: (paths: readonly string[]) => void;
  /** How often each path failed in a row. */
  readonly #attempts = new Map<string, number>();

  constructor(
    failures: Failures,
    { everyMs, onDue }: { readonly everyMs: number; readonly onDue: (paths: readonly string[]) => void },
  ) {
    this.#failures = failures;
    this.#everyMs = everyMs;
    this.#onDue = onDue;
  }

  /** What failed under a runner before is due at once. */
  async resume(): Promise<void> {
    this.#onDue(await this.#failures.all());
  }

  /** Takes in the outcome of a batch. */
  async note(paths: readonly string[], failed: readonly (string | undefined)[]): Promise<void> {
    const again = await this.#failures.note(paths, failed);
    const attempts = new Map(again.map((path) => [path, this.#attempts.get(path) ?? 0]));
    for (const path of paths) this.#attempts.delete(path);
    for (const [path, attempt] of attempts) this.#attempts.set(path, attempt + 1);
    for (const [attempt, some] of Map.groupBy(again, (path) => attempts.get(path) ?? 0)) {
      const delayMs = Math.min(this.#everyMs * 2 ** attempt, longestBackoffMs);
      setTimeout(() => this.#onDue(some), delayMs).unref();
    }
  }
}
