import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import type { FileRecord } from '../channel/ledger.ts';
import { findRotated } from '../files/generations.ts';
import {
  beginsAs,
  headOf,
  isKnownAs,
  type OpenFile,
  openFile,
  openShipment,
  type Shipment,
} from '../files/open-file.ts';
import { hasCode, type Source } from '../files/sources.ts';
import { isGzipFile } from '../files/split.ts';
import type { Pipeline } from './pipeline.ts';
import { type PlanOptions, planGrowth } from './plan.ts';

/**
 * Follows growing files under their names through rotation.
 *
 * What is shipped under a name is one stream. When the file was renamed away and made anew, the old one is read to its
 * end through the handle we hold (after a restart: wherever in its directory it is found by inode and beginning), then
 * the new one follows. When it was copied and truncated, the copy is found by its beginning and read from where we
 * were. A file under another name that is such an earlier part of a stream is not shipped again.
 *
 * Not promised: what was written between the copying and the truncation is in neither file, for nobody; what was
 * rotated away and compressed while nobody followed is told as missing.
 */
export type FollowOptions = {
  readonly pipeline: Pipeline;
  /** How far each file is, as an earlier shipper left it. */
  readonly records: Map<string, FileRecord>;
  look(): Promise<readonly Source[]>;
  /** Ships a file that does not grow, such as a compressed one. */
  shipWhole(source: Source, known: FileRecord | undefined): Promise<void>;
  generation(): string;
  note(text: string): void;
  /** Keeps a record that goes with no part. */
  remember(record: FileRecord): Promise<void>;
  readonly plan: PlanOptions;
  readonly signal: AbortSignal;
};

const pollMs = 200;
const lookMs = 1000;
/** A compressed file is complete when nobody has written to it for so long. */
const restMs = 2000;
/** What looks like the copy of a file that is about to be truncated is left alone for so long. */
const copyGraceMs = 3000;

/** Runs until the signal aborts, then throws its reason. */
export async function followSources(options: FollowOptions): Promise<never> {
  const follower = new Follower(options);
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let sources: readonly Source[] = [];
  try {
    for (;;) {
      options.signal.throwIfAborted();
      if (performance.now() - lookedAtMs >= lookMs) {
        sources = await options.look().catch((error: unknown) => {
          // A path may be away for a moment while it is rotated; but not at the beginning.
          if (lookedAtMs < 0) throw error;
          return sources;
        });
        lookedAtMs = performance.now();
        await follower.look(sources);
      }
      await follower.grow();
      await wait(pollMs, undefined, { signal: options.signal });
    }
  } finally {
    await follower.close();
  }
}

class Follower {
  readonly #options: FollowOptions;
  readonly #streams = new Map<string, Shipment>();
  /** Names that need nothing, as long as the same file is there. */
  readonly #settled = new Map<string, string>();
  /** Earlier parts of streams, under whatever name they are now. */
  readonly #past: FileRecord[] = [];
  readonly #copies = new Map<string, number>();

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#past = [...options.records.values()].filter(({ state }) => state === 'rotated');
  }

  async look(sources: readonly Source[]): Promise<void> {
    for (const source of sources) {
      const stream = this.#streams.get(source.name);
      if (stream && stream.record.inode !== source.inode) await this.#rotate(stream, source);
      else if (!stream && this.#settled.get(source.name) !== source.inode) await this.#begin(source);
    }
  }

  async grow(): Promise<void> {
    for (const stream of this.#streams.values()) {
      if (stream.stopped === 'failed') {
        this.#settle(stream, stream.record.inode);
        continue;
      }
      stream.stopped = undefined;
      const { record } = stream;
      const size = await stream.size();
      if (size < record.position || (size > record.position && !(await beginsAs(stream.read, record.head)))) {
        await this.#truncated(stream);
      } else if (size > record.position) {
        if (record.head.bytes < size) stream.record = { ...record, head: await headOf(stream.read, size) };
        await this.#ship(stream, size, false);
      }
    }
    await this.#options.pipeline.drain();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#streams.values()].map((stream) => stream.close()));
  }

  async #begin(source: Source): Promise<void> {
    const { records, note, generation, shipWhole } = this.#options;
    const { name } = source;
    try {
      await using file = await openFile(source.path);
      if (await this.#isElsewhere(file, name)) return void this.#settled.set(name, file.inode);
      if (await this.#isFreshCopy(file, name)) return;
      const known = records.get(name);
      if (await isGzipFile(file.read, name)) {
        if (Date.now() - source.mtimeMs < restMs) return;
        await shipWhole(source, known);
        return void this.#settled.set(name, file.inode);
      }
      const shipment = await openShipment(source, known, generation());
      if (known && known.state === 'open' && shipment.record.generation !== known.generation) {
        const old = await findRotated(source.path, known);
        if (!old)
          note(
            `${name}: rotated while nobody followed; what came after byte ${known.position} was not found`,
          );
        shipment.record = await this.#continue(shipment, old, known);
      }
      shipment.record = { ...shipment.record, state: 'open' };
      this.#streams.set(name, shipment);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      if (!hasCode(error, 'EACCES', 'EPERM', 'EIO')) throw error;
      note(`${name}: ${messageOf(error)}`);
      this.#settled.set(name, source.inode);
    }
  }

  /** Another file is at the stream's path. */
  async #rotate(stream: Shipment, source: Source): Promise<void> {
    const fresh = await openShipment(source, undefined, stream.record.generation).catch(() => undefined);
    // Gone again: the next look tells more.
    if (!fresh) return;
    if (await this.#isElsewhere({ ...fresh, inode: fresh.record.inode }, source.name)) {
      // Names moved on: what is here now belongs to another stream, and this one has ended.
      await this.#ship(stream, await stream.size(), true);
      await fresh.close();
      this.#settle(stream, source.inode);
      return;
    }
    fresh.record = await this.#continue(fresh, { ...stream, inode: stream.record.inode }, stream.record);
    this.#streams.set(source.name, fresh);
  }

  /** The file was cut to nothing and begins again in place. */
  async #truncated(stream: Shipment): Promise<void> {
    const { source, record } = stream;
    const copy = await findRotated(source.path, record);
    if (!copy)
      this.#options.note(
        `${source.name}: truncated; what followed byte ${record.position} is lost unless it was empty`,
      );
    const fresh = { ...stream, record: { ...record, head: await headOf(stream.read, await stream.size()) } };
    stream.record = await this.#continue(fresh, copy, record);
  }

  /** Ships the rest of the old file, if there is one. Resolves to the record with which the new one goes on. */
  async #continue(
    { source, record: fresh }: Shipment,
    old: OpenFile | undefined,
    known: FileRecord,
  ): Promise<FileRecord> {
    let ended = known;
    if (old) {
      const rest: Shipment = { source, ...old, record: known, stopped: undefined };
      await this.#ship(rest, await old.size(), true);
      ended = rest.record;
      const past: FileRecord = {
        ...ended,
        name: `${known.name}\0${old.inode}`,
        inode: old.inode,
        state: 'rotated',
      };
      this.#past.push(past);
      await this.#options.remember(past);
      await old.close();
    }
    return { ...ended, inode: fresh.inode, head: fresh.head, position: 0, state: 'open' };
  }

  async #ship(stream: Shipment, end: number, isEnding: boolean): Promise<void> {
    const { pipeline, plan } = this.#options;
    for await (const part of planGrowth(stream, end, { ...plan, isEnding })) {
      if (stream.stopped) break;
      await pipeline.add(stream, part);
    }
    await pipeline.drain();
  }

  #settle(stream: Shipment, inode: string): void {
    const { name } = stream.source;
    this.#streams.delete(name);
    this.#options.records.set(name, stream.record);
    this.#settled.set(name, inode);
    void stream.close();
  }

  /** Whether a file was already shipped as part of a stream of another name, or as an earlier part of any. */
  async #isElsewhere(file: OpenFile, name: string): Promise<boolean> {
    const streams = [...this.#streams.values()].map(({ record }) => record);
    const known = [...this.#options.records.values()].filter((record) => !this.#streams.has(record.name));
    for (const record of [...streams, ...known, ...this.#past]) {
      if (record.name !== name && record.position > 0 && (await isKnownAs(file, record))) return true;
    }
    return false;
  }

  async #isFreshCopy(file: OpenFile, name: string): Promise<boolean> {
    const since = this.#copies.get(name);
    if (since !== undefined && performance.now() - since > copyGraceMs) return false;
    for (const { record } of this.#streams.values()) {
      if (
        record.position > 0 &&
        (await file.size()) >= record.position &&
        (await beginsAs(file.read, record.head))
      ) {
        this.#copies.set(name, since ?? performance.now());
        return true;
      }
    }
    return false;
  }
}
