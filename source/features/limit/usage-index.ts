import { randomUUID } from 'node:crypto';
import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';
import { registryKey } from '../../redis/registry.ts';
import { asInteger } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import type { Verdict } from './check/check.ts';
import { algorithmOf, memberOf, type Rule } from './rules.ts';
import note from './usage-index.lua';

/**
 * Tells the index which limits are in use and how often they refused, off the path of a hit.
 *
 * A hit costs one look into a map. What is new goes out four times a second, some thousand limits at a time, a limit
 * without refusals at most once a minute. It is a statistic: a process that dies takes along what it had not noted yet,
 * a quarter second of it unless very many subjects turn up at once.
 */
export class Notes {
  readonly #client: Client;
  readonly #writer = randomUUID();
  readonly #due = new Map<string, { max: number; denied: number }>();
  readonly #notedAtMs = new Map<string, number>();
  #confirmed = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** One for each client, shared by every limiter on it. */
  static of(client: Client): Notes {
    const notes = notesOf.get(client) ?? new Notes(client);
    notesOf.set(client, notes);
    return notes;
  }

  /**
   * The rules of a subject are in use; the one that decided may have refused it.
   * @returns until when (performance.now) there is nothing to note of it but refusals
   */
  touch(subject: string, rules: readonly Rule[], verdict: Verdict): number {
    let quietUntilMs = Number.POSITIVE_INFINITY;
    for (const rule of rules) {
      const isRefused =
        !verdict.allowed && rule.perMs === verdict.perMs && algorithmOf(rule) === verdict.algorithm;
      const member = memberOf(subject, rule);
      this.#touch(member, rule.max, isRefused ? 1 : 0);
      quietUntilMs = Math.min(quietUntilMs, (this.#notedAtMs.get(member) ?? 0) + refreshMs);
    }
    return quietUntilMs;
  }

  #touch(member: string, max: number, denied: number, isUnsent = false): void {
    const due = this.#due.get(member);
    if (due) {
      due.denied += denied;
      due.max = max;
      return;
    }
    const now = performance.now();
    const isQuiet = denied === 0 && !isUnsent;
    if (isQuiet && now - (this.#notedAtMs.get(member) ?? Number.NEGATIVE_INFINITY) < refreshMs) return;
    if (this.#due.size >= mostDue) return;
    // A process may meet very many subjects: forget rather than grow.
    if (this.#notedAtMs.size >= mostDue) this.#notedAtMs.clear();
    this.#notedAtMs.set(member, now);
    this.#due.set(member, { max, denied });
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Nobody waits for a note: what could not be written is written with the next one.
      this.#run(notesEach)
        .catch(() => {})
        .finally(() => this.#due.size > 0 && this.#arm());
    }, flushMs).unref();
  }

  /** Resolves once everything noted so far is in the index. */
  async flush(): Promise<void> {
    await this.#flushing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#due.size > 0) await this.#run(mostDue);
  }

  /** One at a time: the script tells a note that was sent twice by the one confirmed before it. */
  #run(most: number): Promise<void> {
    this.#flushing ??= this.#send(most).finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #send(most: number): Promise<void> {
    for (let sent = 0; this.#due.size > 0 && sent < most; sent += noteSize) {
      const batch = [...this.#due.entries().take(noteSize)];
      for (const [member] of batch) this.#due.delete(member);
      const words = batch.flatMap(([member, { max, denied }]) => [member, max, denied]);
      const { index, most, denied, writers } = indexKeys(this.#client);
      const args = [this.#writer, this.#confirmed, ...words];
      try {
        this.#confirmed = await send(this.#client, [index, most, denied, writers], args);
      } catch (error) {
        for (const [member, { max, denied }] of batch) this.#touch(member, max, denied, true);
        throw error;
      }
    }
  }
}

const refreshMs = 60_000;
const flushMs = 250;
/** A script keeps the server for a millisecond or two. */
const noteSize = 500;
const notesEach = 1000;
const mostDue = 100_000;
const notesOf = new WeakMap<Client, Notes>();
const send = defineScript({ lua: note, parse: asInteger });

/** The index and what hangs off it, all in one slot. */
export function indexKeys(client: Client): Readonly<Record<'index' | 'most' | 'denied' | 'writers', string>> {
  const index = registryKey('limit');
  return { index, ...keyFamily(client, index, { most: '*:max', denied: '*:denied', writers: '*:writers' }) };
}
