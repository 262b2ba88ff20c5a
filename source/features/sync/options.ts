import type { Client } from '../../redis/client.ts';

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
  /** A shell command that sees the batch first: its paths on stdin, each ended by a NUL. */
  readonly before: string | undefined;
  /** Remove at the target what is gone from the base. */
  readonly deletes: boolean;
  readonly standby: boolean;
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
      readonly missedByEvents: number;
      readonly durationMs: number;
    };
