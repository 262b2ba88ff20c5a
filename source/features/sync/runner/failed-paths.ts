import type { Client } from '../../../redis/client.ts';
import { counted } from '../../../ui/format.ts';
import { cutPath } from '../change.ts';
import type { Copied } from '../copy/copied.ts';
import type { RunnerOptions } from '../options.ts';
import { Failures } from './failures.ts';
import { Retries } from './retries.ts';
import type { TargetMemory } from './target-memory.ts';

/** Paths of one batch that are reported by name when they fail. */
const mostReported = 20;
const mostSampled = 5;

/** What could not be copied: kept in Redis, tried again, and reported once. */
export class FailedPaths {
  readonly #memory: TargetMemory;
  readonly #options: RunnerOptions;
  readonly #failures: Failures;
  readonly #retries: Retries;
  readonly #reported = new Set<string>();

  /** @param onDue called with paths that are to be tried again now */
  constructor(
    redis: Client,
    memory: TargetMemory,
    options: RunnerOptions,
    onDue: (paths: readonly string[]) => void,
  ) {
    this.#memory = memory;
    this.#options = options;
    this.#failures = new Failures(redis, options.channel, options.target);
    this.#retries = new Retries({ everyMs: options.everyMs, onDue });
  }

  async load(): Promise<void> {
    await this.#memory.ride(() => this.#failures.load());
  }

  paths(): string[] {
    return this.#failures.paths();
  }

  /** Keeps what failed, to be tried again, and reports what fails newly. */
  async note(batch: readonly string[], { failed, warnings }: Copied): Promise<void> {
    const { onTrouble, target } = this.#options;
    const news = await this.#memory.ride(() => this.#failures.note(batch, failed));
    const paths = failed.flatMap(({ path }) => path ?? []);
    const isAll = paths.length < failed.length;
    this.#retries.note(batch, isAll ? [...new Set([...batch, ...paths])] : paths);
    for (const { path, reason } of news.slice(0, mostReported))
      onTrouble(`Could not copy \`${cutPath(path)}\`: ${reason}; it is tried again`);
    if (news.length > mostReported)
      onTrouble(`Could not copy ${counted(news.length - mostReported, 'other path')}; they are tried again`);
    for (const warning of warnings) this.reportOnce(`rsync to ${target}: ${warning}`);
    const { size } = this.#failures;
    if (size !== this.#memory.record.failed || news.length > 0)
      this.#memory.record = {
        ...this.#memory.record,
        failed: size,
        failures: this.#failures.sample(mostSampled),
      };
  }

  /** Reports a sentence unless it was reported before. */
  reportOnce(sentence: string): void {
    if (this.#reported.has(sentence) || this.#reported.size >= 1000) return;
    this.#reported.add(sentence);
    this.#options.onTrouble(sentence);
  }
}
