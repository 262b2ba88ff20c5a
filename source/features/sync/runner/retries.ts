export const longestBackoffMs = 60_000;

/** Paths that failed are due again, later each time: they are not to hold up the next batches. */
export class Retries {
  readonly #everyMs: number;
  readonly #onDue: (paths: readonly string[]) => void;
  /** How often each path failed in a row. */
  readonly #attempts = new Map<string, number>();

  constructor({
    everyMs,
    onDue,
  }: {
    readonly everyMs: number;
    readonly onDue: (paths: readonly string[]) => void;
  }) {
    this.#everyMs = everyMs;
    this.#onDue = onDue;
  }

  /** Takes in the outcome of a batch. */
  note(batch: readonly string[], failed: readonly string[]): void {
    const attempts = new Map(failed.map((path) => [path, this.#attempts.get(path) ?? 0]));
    for (const path of batch) this.#attempts.delete(path);
    for (const [path, attempt] of attempts) this.#attempts.set(path, attempt + 1);
    for (const [attempt, some] of Map.groupBy(failed, (path) => attempts.get(path) ?? 0)) {
      const delayMs = Math.min(this.#everyMs * 2 ** attempt, longestBackoffMs);
      setTimeout(() => this.#onDue(some), delayMs).unref();
    }
  }
}
