import * as v from 'valibot';
import { UsageError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { described } from '../../values.ts';
import type { Preserved } from './copy/execute.ts';
import type { Halt } from './record.ts';
import type { Ceiling } from './runner/ceiling.ts';

/** A plain name: it is part of a pattern for rsync and of a path. */
export const targetMarkerName = v.pipe(
  v.string(),
  v.regex(/^[\w.-]{1,100}$/, 'Expected the name of a file: letters, digits, `.`, `_` and `-`'),
  v.regex(/[^.]/, 'Expected the name of a file'),
);

/** @throws {UsageError} */
export function requireTargetMarker(name: unknown): void {
  const { success, issues } = v.safeParse(v.optional(targetMarkerName), name);
  if (!success) throw new UsageError(`targetMarker: ${issues[0].message}, got ${described(name)}`);
}

/** Sees a batch before it is copied, such as to make thumbnails; a batch it refuses by throwing is tried again. */
export type BeforeCopy = (
  paths: readonly string[],
  batch: { readonly base: string; readonly signal: AbortSignal },
) => Promise<void> | void;

export type RunnerOptions = {
  readonly base: string;
  /** A local path, `host:path`, or `rsync://host/module`. */
  readonly target: string;
  readonly channel: string;
  /** How long the first path of a batch waits for others, and how many paths and bytes close it at once. */
  readonly everyMs: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  readonly fullEveryMs: number;
  /** Sees the batch first; a shell command gets its paths on stdin, each ended by a NUL. */
  readonly before: string | BeforeCopy | undefined;
  /** Remove at the target what is gone from the base. */
  readonly deletes: boolean;
  /** How much of it may be removed before somebody has to allow it. */
  readonly maxDelete?: Ceiling;
  /** A file that must be at the top of the target before anything is copied or removed. */
  readonly targetMarker?: string | undefined;
  /** Of what `rsync --archive` leaves out. */
  readonly preserve?: readonly Preserved[];
  readonly standby: boolean;
  /** After how long without a line from rsync it is reported (30 s). */
  readonly silentAfterMs?: number;
  /** How long refusals that pass, such as of a full server, are waited for. Without it, for as long as they last. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  readonly listen: () => Client;
  readonly onEvent: (event: SyncEvent) => Promise<void>;
  readonly onTrouble: (sentence: string) => void;
};

export type SyncEvent =
  | {
      readonly batch: number;
      readonly files: number;
      readonly bytes: number;
      readonly deleted: number;
      readonly failed: number;
      readonly refused: number;
      readonly durationMs: number;
    }
  | {
      readonly full: number;
      readonly files: number;
      readonly deleted: number;
      /** Paths that could not be copied or removed. */
      readonly failed: number;
      /** Symlinks that lead out of the base. */
      readonly leftOut: number;
      readonly missedByEvents: number;
      readonly durationMs: number;
    }
  | { readonly halted: Halt }
  | { readonly resumed: { readonly deletes: number | null; readonly adopted: boolean } };
