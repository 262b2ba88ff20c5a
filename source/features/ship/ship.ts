import type { Client } from '../../redis/client.ts';
import { ShipperFencedError } from './channel/errors.ts';
import type { SourceOptions } from './files/sources.ts';
import { ShipRun } from './shipper/run.ts';

/**
 * Ships files through Redis to N consumers, each of which gets all of them, within a budget of Redis' own bytes.
 *
 * Keys, of the legacy layout (Redis in Action, 6.6.2): `<channel><part>` string; `<channel><part>:done` how many consumers have
 * finished it; the chat room `<channel>` in which `source` announces each part by name to the members `0`..`N-1`, and
 * `:done` at the end. Ours: `ship:<channel>` the run and its totals; `ship-parts:` the ledger, what each part costs,
 * who is waited for and who has finished; `ship-files:` how far each file is; `ship-who:` shippers and consumers with
 * their last sign of life; `ship-stage:<channel>:<token>:<n>` a part until it is announced; `ship-carry:` beginnings of
 * lines. In Cluster the channel's name is the hash tag of all of them.
 *
 * One part goes: reserve (take room out of the budget and allocate the string, at its exact size, in one step) ->
 * SETRANGE of blocks at fixed offsets, several in flight -> announce (rename, message, record of the file's position
 * in one step). Before the announcement nothing of it counts, after it nothing is left to do: a shipper killed anywhere
 * resumes from the records, and its token fences what it may still have under way. Consumers that know us report once
 * each and free the part with the last report; legacy consumers only INCR, and the shipper sweeps up after them. The ids
 * that are waited for are fixed when a part is announced.
 *
 * The budget is charged with MEMORY USAGE of the data plus an upper bound of everything around it, and a share is kept
 * free for what passes through Redis (see cost.ts), so that used_memory itself stays below where it was plus the budget.
 *
 * When another server takes over, or the same one starts anew, it may lack what was acknowledged: announcements, blocks
 * of a part that is being written, reports of consumers. So a shipper that finds itself on another server begins again
 * with what is recorded there, under ids that no consumer has seen, and a consumer whose cursor went back goes on from it.
 *
 * Not promised: a file that is changed in place (not appended to) while it is shipped arrives as some mixture; a
 * consumer that had ended by then is waited for, and reported as stalled; on a server that loses or evicts keys everything is
 * shipped again, or reported missing.
 */
export type ShipOptions = SourceOptions & {
  readonly channel: string;
  /** How many consumers must have finished a part before it is freed. */
  readonly consumers: number;
  readonly budgetBytes?: number;
  /** What the budget allows, at most 4 MiB, unless given. */
  readonly partBytes?: number;
  /** Goes on with files that grow, appear or are rotated, until the signal aborts. */
  readonly follow?: boolean;
  /** Where rotation moves the earlier generations of followed files, when that is not beside them. */
  readonly archive?: string | undefined;
  /** Does not tell the consumers that this was all. */
  readonly keepOpen?: boolean;
  /** Puts things in order and resolves with `isInterrupted`; the same call continues later. */
  readonly signal?: AbortSignal;
  /** A connection that may subscribe: with it nothing waits longer than it must. */
  readonly listen?: () => Client;
  /** How long refusals of the server that pass, such as MISCONF, are ridden out; without limit unless given. */
  readonly timeoutMs?: number;
  /** Called with the first refusal of each such time. */
  readonly onRefused?: (refusal: unknown) => void;
  /** Called for each of the result's notes when it is found: following may go on for ever. */
  readonly onNote?: (note: string) => void;
  /** Twice a second. */
  readonly onProgress?: (progress: ShipProgress) => void;
};

export type ShipProgress = {
  readonly files: number;
  readonly filesTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly usedBytes: number;
  /** Epoch ms since when it waits: for room, or at the end for the consumers. */
  readonly waitingSinceMs: number | undefined;
};

export type Shipped = {
  /** Of the files given, those that are in Redis or through it, and what they came to, earlier attempts included. */
  readonly files: number;
  readonly bytes: number;
  readonly parts: number;
  readonly budgetBytes: number;
  readonly peakBytes: number;
  /** How long it waited for room. */
  readonly waitedMs: number;
  readonly durationMs: number;
  readonly isInterrupted: boolean;
  /** Files that are there but could not be shipped, each with its reason. */
  readonly failed: readonly string[];
  /** What else was not as expected: vanished, shrank, is a directory. */
  readonly notes: readonly string[];
};

const attempts = 5;

/**
 * Ships the files behind `paths` and resolves when every consumer has finished every part.
 * @throws {PathMissingError | PathUnreadableError | PrefixError} before anything is shipped
 * @throws {BudgetTooSmallError | TermsDifferError | KeyTakenError | WrongTypeError | NoConsumersError}
 * @throws {RefusedError} when the server refused for longer than `timeoutMs`
 */
export async function ship(redis: Client, paths: readonly string[], options: ShipOptions): Promise<Shipped> {
  let lastId = 0;
  for (let attempt = 1; ; attempt += 1) {
    const shipping = new ShipRun(redis, paths, options, lastId);
    try {
      return await shipping.run();
    } catch (error) {
      // Redis lost the channel, another server took over, or we were silent for too long: begin again with what is
      // recorded now.
      if (!(error instanceof ShipperFencedError) || attempt === attempts) throw error;
      options.onNote?.(`${error.message} (${error.hint ?? ''}): it begins again with what is recorded now`);
      if (shipping.lastId > lastId) attempt = 0;
      lastId = shipping.lastId;
    }
  }
}
