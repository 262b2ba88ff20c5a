import type { Client } from '../../redis/client.ts';
import type { Entry, FileRecord } from './ledger.ts';
import type { ShipSession } from './session.ts';
import type { Shipment } from './shipment.ts';
import { BlockPool, fill, ShrankError, writeBlocks } from './write-blocks.ts';

/** One part as it is planned: which bytes of the source, under what name, and how far the file is after it. */
export type Part = {
  readonly name: string;
  readonly entry: Entry;
  readonly position: number;
  readonly after: FileRecord;
};

type Job = {
  readonly shipment: Shipment;
  readonly part: Part;
  /** As this shipper found or began the file. */
  readonly before: FileRecord;
  stage: string | undefined;
  written: Promise<void>;
};

export type PipelineOptions = {
  readonly redis: Client;
  readonly session: ShipSession;
  onAnnounced(part: Part): void;
  /** A file turned out shorter: the part that ends it, if any is wanted. */
  onShrank(shipment: Shipment, endsAt: number): Part | undefined;
  /** Whether a failure concerns one file only; then the others go on without it. */
  onFailed(shipment: Shipment, error: unknown): boolean;
};

const lanes = 3;
const blocksInFlight = 4;
const poolBlocks = 8;
/** Content up to here travels with the reservation. */
const inlineBytes = 32 * 1024;

/**
 * Writes several parts at a time, so that neither side waits for the other, and announces them in order. Room is
 * taken in order too: a part never waits for room that a later one holds.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #pool: BlockPool;
  readonly #ended = new Set<Shipment>();
  #jobs: Job[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#pool = new BlockPool(options.session.rooms.blockBytes, poolBlocks);
  }

  /**
   * Begins with a part; resolves once there is room for another. Rejects with what went wrong, also with earlier
   * parts; a shipment that failed or shrank is `stopped` and takes no more.
   */
  async add(shipment: Shipment, part: Part): Promise<void> {
    this.#jobs.push(this.#start(shipment, part));
    while (this.#jobs.length >= lanes) await this.#finishFirst();
  }

  /** Nothing more will come from this file: it is closed as soon as its last part was written. */
  async end(shipment: Shipment): Promise<void> {
    this.#ended.add(shipment);
    await this.#closeIfDone(shipment);
  }

  /** Resolves when everything was announced. */
  async drain(): Promise<void> {
    while (this.#jobs.length > 0) await this.#finishFirst();
  }

  /** Gives back the room of everything that was not announced. */
  async abandon(): Promise<void> {
    await this.#drop(() => true);
  }

  #start(shipment: Shipment, part: Part): Job {
    const job: Job = {
      shipment,
      part,
      before: shipment.record,
      stage: undefined,
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
    const { redis, session } = this.#options;
    const { shipment, part } = job;
    const { bytes } = part.entry;
    const content = bytes <= inlineBytes ? Buffer.allocUnsafe(bytes) : undefined;
    if (content) {
      const got = await fill(shipment.read, content, part.position);
      if (got < bytes) throw new ShrankError(part.position + got);
    }
    await turn;
    job.stage = await session.reserve(part.name, part.entry, job.before, content);
    pass();
    if (content) return;
    await writeBlocks(redis, job.stage, shipment.read, {
      position: part.position,
      bytes,
      pool: this.#pool,
      depth: blocksInFlight,
    });
  }

  async #finishFirst(): Promise<void> {
    const [job] = this.#jobs;
    if (!job) return;
    const { shipment, part } = job;
    try {
      await job.written;
      await this.#options.session.announce(part.name, job.stage ?? '', part.entry, part.after);
    } catch (error) {
      const closing =
        error instanceof ShrankError ? this.#options.onShrank(shipment, error.endsAt) : undefined;
      if (!(error instanceof ShrankError) && !this.#options.onFailed(shipment, error)) throw error;
      shipment.stopped = error instanceof ShrankError ? 'shrank' : 'failed';
      await this.#drop((other) => other.shipment === shipment);
      // Behind the others, whose room was taken before.
      if (closing) this.#jobs.push(this.#start(shipment, closing));
      return;
    }
    this.#jobs.shift();
    shipment.record = part.after;
    this.#options.onAnnounced(part);
    await this.#closeIfDone(shipment);
  }

  async #drop(isDropped: (job: Job) => boolean): Promise<void> {
    const dropped = this.#jobs.filter(isDropped);
    this.#jobs = this.#jobs.filter((job) => !isDropped(job));
    await Promise.allSettled(dropped.map(({ written }) => written));
    const reserved = dropped.filter(({ stage }) => stage !== undefined);
    await this.#options.session.release(
      reserved.map(({ part, stage }) => ({ part: part.name, stage: stage ?? '' })),
    );
    for (const shipment of new Set(dropped.map((job) => job.shipment))) await this.#closeIfDone(shipment);
  }

  async #closeIfDone(shipment: Shipment): Promise<void> {
    if (!this.#ended.has(shipment) || this.#jobs.some((job) => job.shipment === shipment)) return;
    this.#ended.delete(shipment);
    await shipment.close();
  }
}
