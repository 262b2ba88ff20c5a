import type { Client } from '../../../redis/client.ts';
import { type ChannelKeys, stageKey } from '../channel/keys.ts';
import type { Entry, FileRecord } from '../channel/ledger.ts';
import type { Ride } from '../channel/ride.ts';
import { fill, type ReadAt } from '../files/identity.ts';
import type { OpenFile } from '../files/open-file.ts';
import type { Announcer } from './announce.ts';
import type { Budget, Reserved } from './budget.ts';
import { BlockPool, ShrankError, writeBlocks } from './write-blocks.ts';

/** One part as it is planned: which bytes of the source, under what name, and how far the file is after it. */
export type Part = {
  readonly name: string;
  readonly entry: Entry;
  readonly position: number;
  readonly read: ReadAt;
  readonly after: FileRecord;
  /** It ends within a line, whose rest may come. */
  readonly isOpen?: boolean;
};

type Job = {
  readonly openFile: OpenFile;
  readonly part: Part;
  /** As this shipper found or began the file. */
  readonly before: FileRecord;
  readonly dropped: AbortController;
  reserved: Reserved | undefined;
  written: Promise<void>;
};

export type PipelineOptions = {
  readonly redis: Client;
  readonly keys: ChannelKeys;
  readonly budget: Budget;
  readonly announcer: Announcer;
  readonly blockBytes: number;
  readonly signal: AbortSignal;
  readonly ride: Ride;
  /** Nothing else is written about files while a part is announced. */
  exclusive<Result>(act: () => Promise<Result>): Promise<Result>;
  onAnnounced(part: Part, after: FileRecord): void;
  /** A file is not what it was when its parts were planned, and has so many bytes that can be shipped. */
  onChanged(openFile: OpenFile, part: Part, endsAt: number): void;
  /** Whether a failure concerns one file only; then the others go on without it. */
  onFailed(openFile: OpenFile, error: unknown): boolean;
};

const lanes = 3;
const blocksInFlight = 4;
const poolBlocks = 8;
/** Content up to here travels with the reservation. */
const inlineBytes = 32 * 1024;

/**
 * Writes several parts at a time, so that neither side waits for the other, and announces them in order. Budget is
 * taken in order too: a part never waits for budget that a later one holds.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #pool: BlockPool;
  readonly #ended = new Set<OpenFile>();
  #jobs: Job[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#pool = new BlockPool(options.blockBytes, poolBlocks);
  }

  /**
   * Begins with a part; resolves once there is room for another. Rejects with what went wrong, also with earlier
   * parts; an open file that failed or shrank is `stopped` and takes no more.
   */
  async add(openFile: OpenFile, part: Part): Promise<void> {
    this.#jobs.push(this.#start(openFile, part));
    while (this.#jobs.length >= lanes) await this.#finishFirst();
  }

  /** Nothing more will come from this file, unless it shrank: it is closed as soon as its last part was announced. */
  async end(openFile: OpenFile): Promise<void> {
    this.#ended.add(openFile);
    await this.#closeIfDone(openFile);
  }

  /** Resolves when everything was announced. */
  async drain(): Promise<void> {
    while (this.#jobs.length > 0) await this.#finishFirst();
  }

  /** Gives back the room of everything that was not announced, and closes its files. */
  async abandon(): Promise<void> {
    const openFiles = new Set(this.#jobs.map(({ openFile }) => openFile));
    await this.#drop(() => true);
    await Promise.all([...openFiles].map((openFile) => this.end(openFile)));
  }

  #start(openFile: OpenFile, part: Part): Job {
    const job: Job = {
      openFile,
      part,
      before: openFile.record,
      dropped: new AbortController(),
      reserved: undefined,
      written: Promise.resolve(),
    };
    const next = Promise.withResolvers<void>();
    job.written = this.#write(job, this.#turn, next.resolve);
    // Whoever fails lets the next one pass.
    job.written.catch(next.resolve);
    this.#turn = next.promise;
    return job;
  }

  async #write(job: Job, turn: Promise<unknown>, pass: () => void): Promise<void> {
    const { redis, keys, budget, signal, ride } = this.#options;
    const { part } = job;
    const { bytes } = part.entry;
    const content = bytes <= inlineBytes ? Buffer.allocUnsafe(bytes) : undefined;
    if (content) {
      const got = await fill(part.read, content, part.position);
      if (got < bytes) throw new ShrankError(part.position + got);
    }
    await turn;
    const reserved = await budget.reserve(part.name, part.entry, job.before, {
      content,
      signal: AbortSignal.any([signal, job.dropped.signal]),
    });
    job.reserved = reserved;
    pass();
    if (content) return;
    await writeBlocks(redis, stageKey(keys, reserved.stage), part.read, {
      position: part.position,
      bytes,
      pool: this.#pool,
      depth: blocksInFlight,
      ride,
    });
  }

  async #finishFirst(): Promise<void> {
    const [job] = this.#jobs;
    if (!job) return;
    const { openFile, part } = job;
    const { budget, announcer, exclusive, onAnnounced, onChanged, onFailed } = this.#options;
    try {
      await job.written;
      const { reserved } = job;
      await exclusive(async () => {
        // What was read counts only if the file still is the one it was read of.
        const after = await openFile.confirm(part);
        if (!after) throw new ShrankError(part.position);
        if (reserved) await announcer.announce(reserved, part.entry, after, openFile.source);
        openFile.record = after;
        onAnnounced(part, after);
      });
    } catch (error) {
      const hasChanged = error instanceof ShrankError;
      if (!hasChanged && !onFailed(openFile, error)) throw error;
      openFile.stopped = hasChanged ? 'changed' : 'failed';
      await this.#drop((other) => other.openFile === openFile);
      if (hasChanged) {
        // It stays open: what is left of it will be added again.
        this.#ended.delete(openFile);
        onChanged(openFile, part, error.endsAt);
      } else await this.#closeIfDone(openFile);
      return;
    }
    budget.announced();
    this.#jobs.shift();
    await this.#closeIfDone(openFile);
  }

  async #drop(isDropped: (job: Job) => boolean): Promise<void> {
    const dropped = this.#jobs.filter(isDropped);
    this.#jobs = this.#jobs.filter((job) => !isDropped(job));
    // One that waits for room may wait for the very room that another one to be dropped holds.
    for (const job of dropped) job.dropped.abort();
    await Promise.allSettled(dropped.map(({ written }) => written));
    await this.#options.budget.release(dropped.flatMap(({ reserved }) => (reserved ? [reserved] : [])));
  }

  async #closeIfDone(openFile: OpenFile): Promise<void> {
    if (!this.#ended.has(openFile) || this.#jobs.some((job) => job.openFile === openFile)) return;
    this.#ended.delete(openFile);
    await openFile.close();
  }
}
