import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { defaultPartBytes } from '../channel/cost.ts';
import { FileOwnedError, ShipperFencedError } from '../channel/errors.ts';
import type { FileRecord } from '../channel/ledger.ts';
import { hasCode } from '../files/errno.ts';
import { FileMovedError } from '../files/handles.ts';
import { goneFile, type OpenFile, openSource, type ReadableFile } from '../files/open-file.ts';
import { rawOf } from '../files/raw-path.ts';
import { Selection } from '../files/selection.ts';
import { checkPrefix, findSources, rootsOf, type Source, sourcesInWords } from '../files/sources.ts';
import type { ShipOptions, Shipped } from '../ship.ts';
import { Announcer } from './announce.ts';
import { Budget } from './budget.ts';
import { Follower, isOfFile } from './follow.ts';
import { Packer } from './pack.ts';
import { type Part, Pipeline } from './pipeline.ts';
import { closingPart, type PlanOptions, planFile, planOptions } from './plan.ts';
import { type Records, ShipSession } from './session.ts';
import { Warnings } from './warnings.ts';

const MiB = 1024 ** 2;
const tellMs = 500;

type Ways = {
  readonly session: ShipSession;
  readonly pipeline: Pipeline;
  readonly announcer: Announcer;
};

/** One attempt at shipping, from opening the channel to leaving it. */
export class ShipRun {
  readonly #redis: Client;
  readonly #paths: readonly string[];
  readonly #options: ShipOptions;
  readonly #signal: AbortSignal;
  readonly #terms: { budgetBytes: number; partBytes: number; consumers: number };
  readonly #startedAtMs = performance.now();
  readonly #warnings: Warnings;
  /** How far each file given is. */
  readonly #records = new Map<string, FileRecord>();
  readonly #changed: ReadableFile[] = [];
  readonly #skipped = { files: 0, bytes: 0 };
  /** The highest message id that this attempt or one before was notified of. */
  #lastId: number;
  #opened = 0;
  #follower: Follower | undefined;
  #filesTotal = 0;
  #bytesTotal = 0;

  constructor(redis: Client, paths: readonly string[], options: ShipOptions, lastId = 0) {
    const { budgetBytes = 1024 * MiB, consumers } = options;
    const { partBytes = defaultPartBytes({ budgetBytes, consumers }) } = options;
    this.#redis = redis;
    this.#lastId = lastId;
    this.#paths = paths;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#terms = { budgetBytes, partBytes, consumers };
    this.#warnings = new Warnings(options.onNote);
  }

  get lastId(): number {
    return this.#lastId;
  }

  async run(): Promise<Shipped> {
    const { channel, follow = false, keepOpen = false, listen } = this.#options;
    const listedAtMs = Date.now();
    if (follow) checkPrefix(this.#options.prefix ?? '');
    const sources = follow ? [] : await this.#look();
    const session = await ShipSession.open(this.#redis, {
      channel,
      terms: this.#terms,
      signal: this.#signal,
      listen,
      lastId: this.#lastId,
      timeoutMs: this.#options.timeoutMs,
      onRefused: this.#options.onRefused,
      news: { files: this.#filesTotal, bytes: this.#bytesTotal, follow },
    });
    const announcer = await Announcer.open(session, sourcesInWords(this.#paths, this.#options), {
      listedAtMs,
      keepsCursor: !follow,
    });
    const pipeline = this.#makePipeline(session, announcer);
    const telling = setInterval(() => this.#tell(session), tellMs);
    let peakBytes = 0;
    try {
      const records = await session.records();
      if (follow) await this.#follow(session, pipeline, records);
      else await this.#shipAll(sources, records.files, { session, pipeline, announcer });
      await pipeline.drain();
      for (let openFile = this.#changed.shift(); openFile; openFile = this.#changed.shift()) {
        openFile.stopped = undefined;
        await this.#shipRest(session, pipeline, openFile);
        await pipeline.drain();
      }
      await session.finish({ keepOpen });
      peakBytes = await session.leave({ isOver: true });
    } catch (error) {
      session.stop();
      this.#lastId = session.lastId;
      await pipeline.abandon();
      if (error instanceof ShipperFencedError) throw error;
      peakBytes = await session.leave({ isOver: false });
      if (!this.#signal.aborted) throw error;
    } finally {
      clearInterval(telling);
    }
    this.#tell(session);
    return this.#result(session, peakBytes);
  }

  /** Ships every file from where it stands to its end; small ones together. */
  async #shipAll(
    sources: readonly Source[],
    records: ReadonlyMap<string, FileRecord>,
    { session, pipeline, announcer }: Ways,
  ): Promise<void> {
    const unknown = sources.filter(({ name }) => !records.has(name));
    const recorded = sources.filter(({ name }) => records.get(name)?.state === 'shipped').length;
    const behind = announcer.behind(unknown, recorded);
    const packer = new Packer(session, announcer, () => this.#generation(session));
    const isNew = ({ name }: Source): boolean => !behind.has(name) && !records.has(name);
    for (let index = 0; index < sources.length; index += 1) {
      const together = packer.run(sources, index, isNew);
      if (together.length > 0) {
        await pipeline.drain();
        index += await packer.ship(together, (record) => this.#records.set(record.name, record));
      }
      const source = sources[index];
      if (!source) break;
      if (behind.has(source.name)) this.#skip(source);
      else await this.#shipFile(session, pipeline, source, records.get(source.name));
    }
    if (session.isAlone) await this.#closeAbandoned(pipeline, records);
  }

  /** Until the signal aborts. */
  async #follow(session: ShipSession, pipeline: Pipeline, records: Records): Promise<void> {
    const { recursive = false, archive } = this.#options;
    const known = new Set([...records.files.values()].map(({ path }) => path));
    this.#follower = new Follower({
      pipeline,
      roots: await rootsOf(this.#paths, (path) => known.has(path)),
      selection: new Selection(this.#options),
      recursive,
      archive: archive === undefined ? undefined : rawOf(path.resolve(archive)),
      records,
      plan: this.#plan(session),
      signal: this.#signal,
      generation: () => this.#generation(session),
      note: (text) => this.#warnings.note(text),
      remember: (fields) => session.remember(fields),
      exclusive: (act) => session.exclusive(act),
      shipWhole: async (source, record) => {
        await this.#shipFile(session, pipeline, source, record);
        await pipeline.drain();
        return this.#records.get(source.name);
      },
      onFound: ({ files, bytes }) => {
        this.#filesTotal = files;
        this.#bytesTotal = bytes;
        session.news = { files, bytes, follow: true };
      },
    });
    await this.#follower.run();
  }

  #makePipeline(session: ShipSession, announcer: Announcer): Pipeline {
    return new Pipeline({
      redis: this.#redis,
      keys: session.keys,
      budget: new Budget(session),
      announcer,
      blockBytes: session.allotment.blockBytes,
      signal: this.#signal,
      ride: session.ride,
      exclusive: (act) => session.exclusive(act),
      onAnnounced: (_, after) => this.#records.set(after.name, after),
      onChanged: (openFile, part, endsAt) => this.#hasChanged(openFile, part, endsAt),
      onFailed: (openFile, error) => {
        const { name } = openFile.source;
        if (error instanceof FileMovedError) this.#follower?.changed(openFile, undefined);
        else if (error instanceof FileOwnedError || isOfFile(error)) {
          this.#warnings.fail(`${name}: ${messageOf(error)}`);
          this.#follower?.failed(openFile);
        } else return false;
        return true;
      },
    });
  }

  async #look(): Promise<readonly Source[]> {
    const { files, skipped, failed } = await findSources(this.#paths, this.#options);
    for (const text of skipped) this.#warnings.note(text);
    for (const text of failed) this.#warnings.fail(text);
    this.#filesTotal = files.length;
    this.#bytesTotal = files.reduce((sum, { bytes }) => sum + bytes, 0);
    return files;
  }

  #generation(session: ShipSession): string {
    this.#opened += 1;
    return `${session.token}.${this.#opened}`;
  }

  /** Ships a file from where it stands to its end. */
  async #shipFile(
    session: ShipSession,
    pipeline: Pipeline,
    source: Source,
    known: FileRecord | undefined,
  ): Promise<void> {
    this.#signal.throwIfAborted();
    let openFile: ReadableFile;
    try {
      openFile = await openSource(source, known, this.#generation(session));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) this.#warnings.note(`${source.name}: vanished before it was read`);
      else this.#warnings.fail(`${source.name}: ${messageOf(error)}`);
      return;
    }
    this.#records.set(source.name, openFile.record);
    await this.#shipRest(session, pipeline, openFile);
  }

  async #shipRest(session: ShipSession, pipeline: Pipeline, openFile: ReadableFile): Promise<void> {
    try {
      if (openFile.record.state === 'open') {
        for await (const part of planFile(openFile, this.#plan(session))) {
          if (openFile.stopped) break;
          await pipeline.add(openFile, part);
        }
      }
    } catch (error) {
      await openFile.close();
      throw error;
    }
    if (openFile.stopped !== 'changed') await pipeline.end(openFile);
  }

  /** Shipped before a restart, as the cursor tells. */
  #skip({ bytes }: Source): void {
    this.#skipped.files += 1;
    this.#skipped.bytes += bytes;
  }

  #plan(session: ShipSession): PlanOptions {
    return planOptions(this.#terms, session.allotment);
  }

  /** A file that was cut off or overwritten below us ends with what is left of it. */
  #hasChanged(openFile: OpenFile, part: Part, endsAt: number): void {
    if (!isReadableFile(openFile)) {
      this.#follower?.changed(openFile, part);
      return;
    }
    const { source, record } = openFile;
    const bytes = record.shipped + Math.max(0, endsAt - record.position);
    this.#warnings.note(
      `${source.name}: shrank while it was read; ${bytes} bytes of ${record.bytes} shipped`,
    );
    openFile.record = { ...record, bytes };
    this.#changed.push(openFile);
  }

  /** Files an earlier attempt began and that are not there any more: the consumers learn that nothing follows. */
  async #closeAbandoned(pipeline: Pipeline, records: ReadonlyMap<string, FileRecord>): Promise<void> {
    for (const record of records.values()) {
      if (record.state !== 'open' || this.#records.has(record.name)) continue;
      this.#warnings.note(
        `${record.name}: gone; ${record.shipped} bytes of ${record.bytes} were shipped before`,
      );
      const openFile = goneFile(record);
      await pipeline.add(openFile, closingPart(openFile.source, record));
    }
  }

  #tell(session: ShipSession): void {
    const { files, bytes } = this.#totals();
    this.#options.onProgress?.({
      files,
      bytes,
      filesTotal: this.#filesTotal,
      bytesTotal: this.#bytesTotal,
      usedBytes: session.usedBytes,
      waitingSinceMs: session.waitingSinceMs,
    });
  }

  #totals(): { files: number; bytes: number; parts: number } {
    const totals = { ...this.#skipped, parts: this.#skipped.files };
    for (const { state, shipped, number } of this.#records.values()) {
      if (state === 'shipped' || (this.#options.follow && shipped > 0)) totals.files += 1;
      totals.bytes += shipped;
      totals.parts += number;
    }
    return totals;
  }

  #result(session: ShipSession, peakBytes: number): Shipped {
    return {
      ...this.#totals(),
      budgetBytes: this.#terms.budgetBytes,
      peakBytes,
      waitedMs: Math.round(session.waitedMs),
      durationMs: Math.round(performance.now() - this.#startedAtMs),
      isInterrupted: this.#signal.aborted,
      failed: this.#warnings.failed,
      notes: this.#warnings.notes,
    };
  }
}

function isReadableFile(openFile: OpenFile): openFile is ReadableFile {
  return 'read' in openFile;
}
