import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { FileRecord } from '../channel/ledger.ts';
import { pastFieldOf, storedRecord } from '../channel/ledger.ts';
import { hasCode } from '../files/errno.ts';
import type { Generation } from '../files/generation.ts';
import { FileMovedError, Handles } from '../files/handles.ts';
import { inflatedPartBytes } from '../files/inflated.ts';
import { type Listed, Listing } from '../files/listing.ts';
import type { OpenFile } from '../files/open-file.ts';
import { bytesOf, folderOf, type RawPath } from '../files/raw-path.ts';
import type { Named, Selection } from '../files/selection.ts';
import { printable } from '../files/selection.ts';
import { type Root, relativeTo, type Source } from '../files/sources.ts';
import type { Step, Stream } from '../files/stream.ts';
import { defaultWaits, Streams, type Waits } from '../files/streams.ts';
import type { Part, Pipeline } from './pipeline.ts';
import { type PlanOptions, planGrowth } from './plan.ts';
import type { Records } from './session.ts';

/**
 * Follows growing files under their names through rotation: see files/streams.ts for how it is known which file is what.
 *
 * Two tasks go on beside each other. One looks at the disk: it learns of new generations and holds open what is unread,
 * also while there is no room in Redis. The other reads the generations in their order. What it has read counts only
 * after it was verified that the file still is what it was.
 *
 * Not promised: what is written between the last look and a truncation in place, and is in no copy, is in no file, for
 * nobody; that it may be so is reported.
 */
export type FollowOptions = {
  readonly pipeline: Pick<Pipeline, 'add' | 'drain'>;
  readonly roots: readonly Root[];
  readonly selection: Selection;
  readonly recursive: boolean;
  readonly archive: RawPath | undefined;
  /** What an earlier shipper left. */
  readonly records: Records;
  readonly plan: PlanOptions;
  readonly signal: AbortSignal;
  generation(): string;
  note(text: string): void;
  /** Keeps fields of the hash of files that go with no part. */
  remember(fields: readonly (readonly [string, string])[]): Promise<void>;
  exclusive<Result>(act: () => Promise<Result>): Promise<Result>;
  /** Ships a file that does not grow, such as a compressed one. Resolves to how far it is then. */
  shipWhole(source: Source, known: FileRecord | undefined): Promise<FileRecord | undefined>;
  onFound(found: { readonly files: number; readonly bytes: number }): void;
  readonly waits?: FollowWaits;
};

export type FollowWaits = Waits & {
  /** Changes are collected for so long: a rotation is several of them. */
  readonly settleMs: number;
  /** Everything is looked at in any case, because not everything is reported. */
  readonly sweepMs: number;
  /** The same where nothing is reported, or something is missing; and how often what only time decides is looked at. */
  readonly soonMs: number;
  /** A compressed file is complete when nobody has written to it for so long. */
  readonly restMs: number;
};

const followWaits: FollowWaits = {
  ...defaultWaits,
  settleMs: 20,
  sweepMs: 10_000,
  soonMs: 1000,
  restMs: 2000,
};
/** So many are stored in one step. */
const streamsAtOnce = 50;
/** So many parts of one file, then it is another's turn. */
const partsAtOnce = 4;

export class Follower {
  readonly #options: FollowOptions;
  readonly #waits: FollowWaits;
  readonly #handles = new Handles();
  readonly #listing: Listing;
  readonly #streams: Streams;
  readonly #openFiles = new Map<Stream, FollowedShipment>();
  /** Streams in which there may be something to read. */
  readonly #ready = new Set<Stream>();
  readonly #wholes = new Map<RawPath, { readonly file: Listed; readonly named: Named }>();
  #wake: () => void = () => {};

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#waits = options.waits ?? followWaits;
    this.#listing = new Listing({
      recursive: options.recursive,
      accepts: (path, isFolder) => this.#accepts(path, isFolder),
      onSkipped: (path, reason) => options.note(`${this.#nameOf(path)?.name ?? shown(path)}: ${reason}`),
      onBlind: (path, reason) => options.note(`${shown(path)}: looked at every second, because ${reason}`),
    });
    this.#streams = new Streams({
      handles: this.#handles,
      listing: this.#listing,
      nameOf: (path) => this.#nameOf(path),
      archive: options.archive,
      generation: () => options.generation(),
      onWhole: (file, named) => {
        this.#wholes.set(file.path, { file, named });
        this.#wake();
      },
      onReady: (stream) => this.#isReady(stream),
      note: (text) => options.note(text),
      signal: options.signal,
      waits: this.#waits,
    });
  }

  get heldDeletedBytes(): number {
    return this.#streams.heldDeletedBytes;
  }

  get unreadable(): number {
    return this.#streams.unreadable;
  }

  /** Runs until the signal aborts, then throws its reason. */
  async run(): Promise<never> {
    const { roots, records, signal } = this.#options;
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    try {
      for (const { path, isFolder } of roots) {
        await this.#listing.add(isFolder ? path : folderOf(path), { isRoot: isFolder });
      }
      await this.#streams.load(records.files, records.pasts);
      await this.#streams.look(await this.#listing.sweep());
      const tasks = [this.#watch(until), this.#read(until)];
      try {
        await Promise.all(tasks);
        throw new Error('Following has ended by itself');
      } finally {
        over.abort();
        await Promise.allSettled(tasks);
      }
    } finally {
      this.#listing.close();
      if (signal.aborted) await this.#save().catch(() => {});
      await this.#streams.close();
    }
  }

  async #watch(signal: AbortSignal): Promise<never> {
    let sweptAtMs = performance.now();
    for (;;) {
      const isUrgent = this.#listing.isBlind || this.#streams.isMissing;
      const dueMs = sweptAtMs + (isUrgent ? this.#waits.soonMs : this.#waits.sweepMs) - performance.now();
      await this.#listing.changed(
        Math.max(0, this.#streams.isRestless ? Math.min(dueMs, this.#waits.soonMs) : dueMs),
        signal,
      );
      await wait(this.#waits.settleMs, undefined, { signal });
      // However late the timer was: what the system had to tell by then is known.
      await nextTurn();
      if (performance.now() >= sweptAtMs + (isUrgent ? this.#waits.soonMs : this.#waits.sweepMs)) {
        await this.#streams.look(await this.#listing.sweep());
        sweptAtMs = performance.now();
        await this.#handles.closeResting();
      } else await this.#streams.look(await this.#listing.look());
      await this.#save();
      this.#tell();
    }
  }

  /** Keeps in Redis what was learned of generations, beside what goes with the parts. */
  async #save(): Promise<void> {
    const unsaved = [...this.#streams.byName.values()].filter(
      ({ isUnsaved, isPastUnsaved }) => isUnsaved || isPastUnsaved,
    );
    for (let from = 0; from < unsaved.length; from += streamsAtOnce) {
      await this.#options.exclusive(async () => {
        const fields: [string, string][] = [];
        for (const stream of unsaved.slice(from, from + streamsAtOnce)) {
          // A generation moves from one to the other: it is in both or in neither if only one of them is stored.
          if (stream.isPastUnsaved) {
            stream.leaving.clear();
            const past = stream.past.map((each) => each.stored());
            fields.push([pastFieldOf(stream.name), past.length > 0 ? JSON.stringify({ past }) : '']);
          }
          fields.push([stream.name, storedRecord(stream.recordAfter(stream.record))]);
          stream.isUnsaved = false;
          stream.isPastUnsaved = false;
        }
        await this.#options.remember(fields);
      });
    }
  }

  async #read(signal: AbortSignal): Promise<never> {
    for (;;) {
      signal.throwIfAborted();
      const [stream] = this.#ready;
      const [whole] = this.#wholes.values();
      if (stream) {
        this.#ready.delete(stream);
        if (await this.#readSome(stream)) this.#ready.add(stream);
      } else if (whole) {
        this.#wholes.delete(whole.file.path);
        await this.#shipWhole(whole.file, whole.named);
      } else {
        await this.#options.pipeline.drain();
        if (this.#ready.size + this.#wholes.size === 0) await this.#woken(signal);
      }
    }
  }

  async #woken(signal: AbortSignal): Promise<void> {
    // It may have ended while the last part was announced.
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        signal.removeEventListener('abort', finish);
        resolve();
      };
      signal.addEventListener('abort', finish, { once: true });
      this.#wake = finish;
    });
  }

  #isReady(stream: Stream): void {
    if (stream.hasFailed) return;
    this.#ready.add(stream);
    this.#wake();
  }

  /** Reads a stream's generations in their order. Resolves to whether there is more at once. */
  async #readSome(stream: Stream): Promise<boolean> {
    if (stream.hasFailed || !this.#streams.mayRead(stream)) return false;
    for (const generation of stream.chain) {
      // What was begun comes before whatever may still be found.
      if (generation.isFresh || (stream.isWaiting && generation.planned === 0)) return false;
      if (generation.planned >= generation.seen || generation.isUnreadable) continue;
      // Its file is gone, and looked for: nothing behind it is read before that is decided.
      if (generation.path === undefined && !this.#handles.has(generation)) return false;
      try {
        // What comes behind it may be another one by the time it was read. Dropped, it is read when its file was looked at.
        return (await this.#readGeneration(stream, generation)) > 0;
      } catch (error) {
        if (!(error instanceof FileMovedError || isOfFile(error))) throw error;
        this.#streams.suspect(generation);
      }
      return false;
    }
    return false;
  }

  /** Resolves to how many parts were planned; none when they were dropped meanwhile, with all that is behind them. */
  async #readGeneration(stream: Stream, generation: Generation): Promise<number> {
    const { pipeline, plan } = this.#options;
    const openFile = this.#shipmentOf(stream);
    const { planned } = stream;
    const { home } = generation;
    const growth = {
      read: generation.reader(this.#handles),
      position: generation.planned,
      end: generation.seen,
      isEnding: generation.isFlushed && (!generation.isLive || generation.path === undefined),
      begins: stream.openPlanned !== undefined && stream.openPlanned !== generation,
    };
    const record = { ...stream.record, ...planned, bytes: planned.shipped + growth.end - growth.position };
    const partBytes = generation.ending === '' ? plan.partBytes : Math.min(plan.partBytes, inflatedPartBytes);
    let parts = 0;
    for await (const part of planGrowth(stream, record, growth, { partBytes })) {
      stream.planned = { shipped: part.after.shipped, number: part.after.number };
      generation.planned = part.after.position;
      stream.openPlanned = part.isOpen === true ? generation : undefined;
      openFile.origins.set(part, { generation, home });
      openFile.stopped = undefined;
      await pipeline.add(openFile, part);
      parts += 1;
      if (generation.planned !== part.after.position) return 0;
      if (parts >= partsAtOnce) return parts;
    }
    return parts;
  }

  /**
   * A part was not of the file any more, or could not be read: its stream is read again from where it is known to be,
   * once its file was looked at.
   */
  changed(openFile: OpenFile, part: Part | undefined): void {
    if (!(openFile instanceof FollowedShipment)) return;
    const { stream, origins } = openFile;
    const origin = part && origins.get(part);
    const all = origin ? [origin] : [...origins.values()];
    const suspects = [...new Set(all.map(({ generation }) => generation))];
    origins.clear();
    stream.replan();
    for (const each of suspects) this.#streams.suspect(each);
    if (suspects.length === 0) this.#isReady(stream);
  }

  /** Nothing of it can be shipped. */
  failed(openFile: OpenFile): void {
    if (openFile instanceof FollowedShipment) openFile.stream.hasFailed = true;
  }

  #shipmentOf(stream: Stream): FollowedShipment {
    const known = this.#openFiles.get(stream);
    if (known) return known;
    const openFile = new FollowedShipment(stream, this.#handles);
    this.#openFiles.set(stream, openFile);
    return openFile;
  }

  async #shipWhole(file: Listed, named: Named): Promise<void> {
    const restsMs = Date.now() - Math.max(file.mtimeMs, file.ctimeMs);
    if (restsMs < this.#waits.restMs) {
      const lookAgain = (): void => {
        if (this.#listing.files.get(file.path)?.stamp !== file.stamp) return;
        this.#wholes.set(file.path, { file, named });
        this.#wake();
      };
      setTimeout(lookAgain, this.#waits.restMs - restsMs).unref();
      return;
    }
    const { files } = this.#options.records;
    const source: Source = {
      path: bytesOf(file.path),
      ...named,
      bytes: file.size,
      inode: file.id.split(':').slice(0, 2).join(':'),
      mtimeMs: file.mtimeMs,
      ctimeMs: Number.POSITIVE_INFINITY,
    };
    const record = await this.#options.shipWhole(source, files.get(named.name));
    if (record) files.set(named.name, record);
  }

  #tell(): void {
    let [files, bytes] = [0, 0];
    for (const { chain, record } of this.#streams.byName.values()) {
      files += 1;
      bytes += record.shipped + chain.reduce((sum, { seen, position }) => sum + seen - position, 0);
    }
    this.#options.onFound({ files, bytes });
  }

  #accepts(path: RawPath, isFolder: boolean): boolean {
    const { roots, selection } = this.#options;
    for (const root of roots) {
      const relative = relativeTo(root, path);
      if (relative !== undefined && (isFolder ? selection.enters(relative) : selection.takes(relative)))
        return true;
    }
    return !isFolder && this.#streams.homes.isRelated(path);
  }

  #nameOf(path: RawPath): Named | undefined {
    const { roots, selection } = this.#options;
    for (const root of roots) {
      const relative = relativeTo(root, path);
      // What was given by its name is taken whatever the globs say.
      if (relative !== undefined && (!root.isFolder || selection.takes(relative)))
        return selection.nameOf(relative);
    }
  }
}

/** A stream as the pipeline sees it. */
class FollowedShipment implements OpenFile {
  readonly stream: Stream;
  readonly source: OpenFile['source'];
  /** Of which generation each part under way is, and in which of its files that lay when the part was planned. */
  readonly origins = new Map<unknown, { readonly generation: Generation; readonly home: number }>();
  stopped: OpenFile['stopped'];
  readonly #handles: Handles;
  /** Confirmed, and not announced yet: it may never be. */
  #step: Step | undefined;

  constructor(stream: Stream, handles: Handles) {
    this.stream = stream;
    this.source = { name: stream.name, rawName: stream.rawName, ctimeMs: Number.POSITIVE_INFINITY };
    this.#handles = handles;
  }

  get record(): FileRecord {
    return this.stream.record;
  }

  /** What was confirmed last is announced. */
  set record(record: FileRecord) {
    const { stream } = this;
    stream.record = record;
    if (this.#step) stream.take(this.#step);
    this.#step = undefined;
  }

  async close(): Promise<void> {}

  async confirm(part: Part): Promise<FileRecord | undefined> {
    const { generation, home } = this.origins.get(part) ?? {};
    const { position, entry } = part;
    // What was read of the log may be what was written after it was truncated, though its copy holds the right bytes.
    if (!generation || generation.position !== position || generation.home !== home) return;
    const end = position + entry.bytes;
    const verified = await generation.verify(this.#handles, end).catch((error: unknown) => {
      if (error instanceof FileMovedError || isOfFile(error)) return undefined;
      throw error;
    });
    if (!verified) return;
    this.origins.delete(part);
    this.#step = { generation, position: end, ...verified, isOpen: part.isOpen === true };
    this.stream.isUnsaved = false;
    return this.stream.recordAfter(
      { shipped: entry.at + entry.bytes, number: part.after.number },
      this.#step,
    );
  }
}

/** A failure of one file, after which the others go on. */
export function isOfFile(error: unknown): boolean {
  return hasCode(error, 'EIO', 'EACCES', 'EPERM', 'EISDIR', 'ESTALE', 'EMFILE', 'ENFILE');
}

function shown(path: RawPath): string {
  return printable(bytesOf(path));
}
