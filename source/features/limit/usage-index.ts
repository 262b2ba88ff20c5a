import { randomUUID } from 'node:crypto';
import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';
import { registryKey } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import type { Verdict } from './check.ts';
import { algorithmOf, memberOf, type Rule } from './rules.ts';
import note from './usage-index.lua';

/**
 * Tells the index which limits are in use and how often they refused, off the path of a hit.
 *
 * A hit costs one look into a map. What is new goes out at most four times a second in one script, a limit without
 * refusals at most once a minute. It is a statistic: a process that dies takes its last quarter second of refusals
 * with it, and when more than a thousand quiet subjects turn up between two notes the rest waits for its next hit.
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
    if (this.#due.size >= (isQuiet ? mostQuiet : mostDue)) return;
    // A process may meet very many subjects: forget rather than grow.
    if (this.#notedAtMs.size >= mostDue) this.#notedAtMs.clear();
    this.#notedAtMs.set(member, now);
    this.#due.set(member, { max, denied });
    this.#timer ??= setTimeout(() => {
      // Nobody waits for a note: what could not be written is written with the next one.
      this.flush().catch(() => {});
    }, flushMs).unref();
  }

  /** Resolves once everything noted so far is in the index. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One at a time: the script tells a note that was sent twice by the one confirmed before it.
    this.#flushing ??= this.#send().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #send(): Promise<void> {
    while (this.#due.size > 0) {
      const batch = [...this.#due].slice(0, noteSize);
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
const noteSize = 500;
const mostQuiet = 1000;
const mostDue = 10_000;
const notesOf = new WeakMap<Client, Notes>();
const send = defineScript({ lua: note, parse: Number });

/** The index and what hangs off it, all in one slot. */
export function indexKeys(client: Client): Readonly<Record<'index' | 'most' | 'denied' | 'writers', string>> {
  const index = registryKey('limit');
  return { index, ...keyFamily(client, index, { most: '*:max', denied: '*:denied', writers: '*:writers' }) };
}
