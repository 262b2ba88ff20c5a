import { messageOf } from '../../../errors.ts';
import type { FileRecord, StoredGeneration } from '../channel/ledger.ts';
import { hasCode } from './errno.ts';
import { byAge, endingOf, endings, inOrder, type Rotated, rotatedNames } from './family.ts';
import { Generation } from './generation.ts';
import { looksLikeGzip } from './gzip.ts';
import { FileMovedError, type Handles } from './handles.ts';
import { Homes } from './homes.ts';
import { longestHeadBytes, readUpTo } from './identity.ts';
import { Known } from './known.ts';
import type { Listed, Listing } from './listing.ts';
import { matchByContent } from './match.ts';
import { asUnknown, Inspections, probe, type Unknown } from './probe.ts';
import { baseOf, folderOf, joinRaw, type RawPath } from './raw-path.ts';
import type { Named } from './selection.ts';
import { freshRecord, Stream } from './stream.ts';

export type StreamsOptions = {
  readonly handles: Handles;
  readonly listing: Listing;
  /** The name of a file that is followed for its own sake; undefined for what is looked at for another's. */
  nameOf(path: RawPath): Named | undefined;
  /** Where rotation moves the generations of any log. */
  readonly archive: RawPath | undefined;
  /** Names a new shipping of a file. */
  generation(): string;
  /** A compressed file that is no generation of a log is shipped as it is. */
  onWhole(file: Listed, named: Named): void;
  /** There may be something to read. */
  onReady(stream: Stream): void;
  note(text: string): void;
  readonly signal: AbortSignal;
  readonly waits: Waits;
};

/** How long is waited for what only time decides. */
export type Waits = {
  /** A generation without a name is let go so long after the last growth; its unfinished line is taken then. */
  readonly deletedMs: number;
  /** One that was put aside is done so long after the last growth. */
  readonly rotatedMs: number;
  /** The unfinished line at its end may still be finished. */
  readonly tailMs: number;
  /** What looks like a copy that is being made is left alone until it rests for so long. */
  readonly copyMs: number;
  /** What is compressed is looked into when it rests; when it is not whole, it is taken as it is after a while. */
  readonly compressedMs: number;
  readonly damagedMs: number;
  /** A file under two names is reported then: it may be about to be rotated. */
  readonly linkMs: number;
  /** What cannot be read is tried again, at longer and longer intervals. */
  readonly unreadableMs: number;
  readonly longestUnreadableMs: number;
  /** A generation whose file is gone is looked for three times, so far apart. */
  readonly lookMs: number;
};

export const defaultWaits: Waits = {
  deletedMs: 5000,
  rotatedMs: 60_000,
  tailMs: 3000,
  copyMs: 60_000,
  compressedMs: 500,
  damagedMs: 60_000,
  linkMs: 10_000,
  unreadableMs: 10_000,
  longestUnreadableMs: 60_000,
  lookMs: 900,
};
const lostLooks = 3;
/** So many generations are compared with what may be a copy. */
const mostCopied = 100;
/** Generations that are gone are known for so long. */
const rememberedMs = 24 * 3600 * 1000;

/**
 * Which content lies in which file, through every rotation.
 *
 * Files are matched with generations by what they are: by device, inode and birth, if how they begin and what was read
 * and seen of them is still right; then by content (match.ts); what is left are, by their names, generations that came and
 * went between two looks. At the place of the log itself content decides nothing, because many logs begin alike: what is
 * there and is not known is a new generation.
 *
 * It is one file because it is one decision, taken anew at each look in the order in which it stands here: list, match,
 * tell apart, note what is new, let go what is done. Each step reads and changes the same few maps. What needs none of them
 * lies beside it: identity, generation, match, family, known, homes, probe.
 *
 * Whoever reads waits for room in Redis; this never does, so that what is rotated meanwhile is known, and held open.
 */
export class Streams {
  readonly byName = new Map<string, Stream>();
  readonly homes = new Homes();
  readonly #options: StreamsOptions;
  readonly #waits: Waits;
  readonly #known = new Known();
  readonly #inspections: Inspections;
  /** Generations that are not the log itself any more, or have no file. */
  readonly #restless = new Set<Generation>();
  readonly #suspects = new Set<Generation>();
  /** Copies of generations that are there, as long as the copies stay as they are. */
  readonly #copies = new Map<RawPath, { stamp: string; of: Generation; sinceMs: number }>();
  /** Second names of files. */
  readonly #links = new Map<
    RawPath,
    { readonly of: Generation; readonly sinceMs: number; isTold: boolean }
  >();
  /** Files that begin as a log did and may be another one, which was reported. */
  readonly #doubted = new Set<RawPath>();
  /** Files named as earlier generations of logs that are not there, since when they are known. */
  readonly #orphans = new Map<RawPath, number>();
  /** What is looked at again once there is such a log. */
  readonly #awaitedBy = new Map<RawPath, Set<RawPath>>();
  /** When a path is looked at again whether it changed or not. */
  readonly #due = new Map<RawPath, { readonly dueMs: number; readonly timer: NodeJS.Timeout }>();
  /** Generations that were met in the last look. */
  #fresh = new Map<Generation, Stream>();
  /** Logs with files that are being looked at: nothing is read before it is known what each of these is. */
  readonly #changing = new Set<Stream>();
  /** Logs of which a file was another one by the time when it was opened. */
  readonly #moved = new Set<Stream>();
  readonly #unreadable = new Map<RawPath, { reason: string; nextMs: number; waitMs: number }>();
  /** Records that do not say where their file is, until it is met. */
  readonly #records = new Map<string, { record: FileRecord; past: readonly StoredGeneration[] }>();
  /** Whether what is known of files is right, while new ones are identified. */
  #confirmed = new Map<Generation, Promise<boolean>>();
  /** How they begin, meanwhile; undefined of what cannot be read. */
  #begins = new Map<Generation, Promise<Buffer | undefined>>();
  /** To be looked at again, changed or not. */
  #again = new Set<RawPath>();

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#waits = options.waits;
    this.#inspections = new Inspections(options.handles, options.signal, (path) => this.#lookAgain(path));
  }

  get unreadable(): number {
    return this.#unreadable.size;
  }

  /** Bytes of files that have no name any more and are held open until they were read. */
  get heldDeletedBytes(): number {
    let bytes = 0;
    for (const { isDeleted, seen } of this.#restless) if (isDeleted) bytes += seen;
    return bytes;
  }

  /** Something follows from the passing of time: to be looked at every second. */
  get isRestless(): boolean {
    return (
      this.#restless.size > 0 || this.#copies.size > 0 || this.#unreadable.size > 0 || this.#links.size > 0
    );
  }

  /** A generation has no file, and everything is to be looked at for it. */
  get isMissing(): boolean {
    return [...this.#restless].some(({ lostAtMs }) => lostAtMs !== undefined);
  }

  /** Takes up what an earlier shipper left. */
  async load(
    records: ReadonlyMap<string, FileRecord>,
    pasts: ReadonlyMap<string, readonly StoredGeneration[]>,
  ): Promise<void> {
    for (const record of records.values()) {
      if (record.state !== 'open') continue;
      const past = pasts.get(record.name) ?? [];
      if (record.path === undefined) {
        this.#records.set(record.name, { record, past });
        continue;
      }
      const path = record.path as RawPath;
      const named = this.#options.nameOf(path);
      if (named?.name === record.name) await this.#open({ ...named, path }, record, past);
    }
  }

  /** What is known of a log is complete for now. Otherwise it will be reported as ready. */
  mayRead(stream: Stream): boolean {
    return !this.#changing.has(stream);
  }

  /** Something was read of a generation that is not right: its file is to be looked at. */
  suspect(generation: Generation): void {
    this.#suspects.add(generation);
    if (generation.path !== undefined) this.#lookAgain(generation.path);
  }

  /** Takes in what changed on disk: paths whose file is another one, changed or gone. */
  async look(changed: ReadonlySet<RawPath>): Promise<void> {
    const { files } = this.#options.listing;
    const settled = this.#fresh;
    this.#fresh = new Map();
    const paths = [...new Set([...changed, ...this.#again])].sort();
    this.#again = new Set();
    for (const path of paths) {
      const generation = this.#known.at(path);
      const stream =
        this.#known.ownerOf(generation) ?? this.homes.at(path) ?? this.homes.familyOf(path)?.stream;
      if (stream) this.#changing.add(stream);
      if (generation && !isSameFile(generation, files.get(path))) this.#displace(generation);
      if (!files.has(path)) this.#forget(path);
    }
    const unknown = new Map<RawPath, Listed>();
    const recognise = async (file: Listed): Promise<void> => {
      if (await this.#recognise(file)) this.#goOn(file.path);
      else unknown.set(file.path, file);
    };
    for (const path of paths) {
      const file = files.get(path);
      if (file) await recognise(file);
    }
    // What the recognising has shown: copies of what was truncated, links whose first name is gone.
    for (const path of this.#again) {
      const file = files.get(path);
      if (file && !unknown.has(path)) await recognise(file);
    }
    this.#again = new Set();
    await this.#takeIn([...unknown.values()], paths);
    for (const [generation, stream] of settled) {
      if (this.#moved.has(stream)) this.#fresh.set(generation, stream);
      else {
        generation.isFresh = false;
        this.#options.onReady(stream);
      }
    }
    const looked = [...this.#changing];
    this.#changing.clear();
    // Some file of it is still to be looked at, which may be what comes next.
    for (const stream of this.#moved) this.#changing.add(stream);
    this.#moved.clear();
    for (const stream of looked) this.#options.onReady(stream);
    await this.settle();
  }

  /** What follows from the time that has passed. */
  async settle(): Promise<void> {
    const now = performance.now();
    for (const generation of [...this.#restless]) await this.#settle(generation, now);
    for (const [path, { sinceMs, of }] of this.#copies) {
      if ((of.isLive || !this.#isNamedAs(of, path)) && now - sinceMs > this.#waits.copyMs)
        this.#lookAgain(path);
    }
    for (const [path, entry] of this.#unreadable) {
      if (now < entry.nextMs) continue;
      entry.waitMs = Math.min(entry.waitMs * 2, this.#waits.longestUnreadableMs);
      entry.nextMs = now + entry.waitMs;
      this.#lookAgain(path);
    }
    for (const [path, link] of this.#links) {
      if (link.isTold || now - link.sinceMs < this.#waits.linkMs) continue;
      link.isTold = true;
      const stream = this.#known.ownerOf(link.of);
      const named = this.#options.nameOf(path);
      if (named && stream)
        this.#options.note(`${named.name}: the same file as ${stream.name}, and shipped as that only`);
    }
    this.homes.isSearching = this.isMissing;
  }

  async close(): Promise<void> {
    await this.#inspections.stopped();
    await this.#options.handles.closeAll();
  }

  #lookAgain(path: RawPath): void {
    this.#again.add(path);
    this.#options.listing.recheck(path);
  }

  /** A path that leads to nothing. */
  #forget(path: RawPath): void {
    this.#copies.delete(path);
    this.#links.delete(path);
    this.#orphans.delete(path);
    this.#doubted.delete(path);
    for (const { live } of rotatedNames(path)) {
      const awaiting = this.#awaitedBy.get(live);
      awaiting?.delete(path);
      if (awaiting?.size === 0) this.#awaitedBy.delete(live);
    }
    this.#inspections.forget(path);
    this.#unreadable.delete(path);
    // What was made of it decides from now on.
    for (const ending of endings) {
      const compressed = `${path}${ending}` as RawPath;
      if (this.#options.listing.files.has(compressed)) this.#again.add(compressed);
    }
  }

  /** Finds the generation that a file is by what the system says of it. Resolves to false when that is none. */
  async #recognise(file: Listed): Promise<boolean> {
    const generation = this.#known.find(file.id);
    if (!generation) return false;
    const stream = this.#known.ownerOf(generation);
    const { path } = generation;
    if (
      path !== undefined &&
      path !== file.path &&
      isSameFile(generation, this.#options.listing.files.get(path))
    ) {
      const isOneName = file.path === stream?.path || file.path === stream?.real;
      if (!isOneName && !this.#links.has(file.path)) {
        this.#links.set(file.path, { of: generation, sinceMs: performance.now(), isTold: false });
      }
      return true;
    }
    this.#links.delete(file.path);
    return stream !== undefined && (await this.#place(generation, stream, file));
  }

  /** Puts a generation where its file is. Resolves to false when that holds it no more. */
  async #place(generation: Generation, stream: Stream, file: Listed): Promise<boolean> {
    this.#known.place(generation, file);
    generation.lostAtMs = undefined;
    generation.isDeleted = false;
    generation.isLoaded = false;
    const isSuspect = this.#suspects.delete(generation);
    if (generation.stamp !== file.stamp || isSuspect) {
      const before = generation.seen;
      try {
        if (!(await generation.check(this.#options.handles))) {
          await this.#truncated(generation, stream);
          return false;
        }
        generation.isUnreadable = false;
        this.#canRead(file.path);
      } catch (error) {
        if (error instanceof FileMovedError) {
          this.#displace(generation);
          this.#lookAgain(file.path);
          return true;
        }
        this.#cannotRead(file, error);
        generation.isUnreadable = true;
      }
      this.#known.headChanged(generation);
      if (generation.seen > before) this.#grew(generation, stream, before);
    }
    generation.seenAtMs = Date.now();
    this.#setLive(generation, stream, file.path === stream.path || file.path === stream.real);
    if (!generation.isLive && !generation.hasEnded && (!generation.isComplete || generation.isUnread))
      await this.#hold(generation);
    this.#options.onReady(stream);
    return true;
  }

  /** Rotation may remove it any moment, unread or behind late lines that somebody writes to it. */
  async #hold(generation: Generation): Promise<void> {
    const { handles } = this.#options;
    if (!handles.has(generation)) await handles.use(generation, async () => {}).catch(() => {});
  }

  #setLive(generation: Generation, stream: Stream, isLive: boolean): void {
    if (generation.isLive !== isLive) {
      generation.isLive = isLive;
      generation.grewAtMs = performance.now();
      stream.isUnsaved = true;
    }
    if (isLive || generation.hasEnded) this.#restless.delete(generation);
    else this.#restless.add(generation);
  }

  #grew(generation: Generation, stream: Stream, before: number): void {
    stream.isUnsaved = true;
    // Of what was empty nobody knows whether it was filled and truncated meanwhile: what it held then is in a copy.
    if (before === 0 && generation.isLive) this.#isFresh(generation, stream);
    generation.isFlushed = false;
    if (!generation.hasEnded) return;
    // It was done, and somebody still writes to it.
    generation.hasEnded = false;
    stream.past = stream.past.filter((each) => each !== generation);
    stream.leaving.delete(generation);
    stream.insert(generation, (other) => this.#isOlder(generation, other, stream));
    stream.isPastUnsaved = true;
  }

  /** Its path leads elsewhere; it may be found under another one. */
  #displace(generation: Generation): void {
    this.#known.displace(generation);
    if (!generation.hasEnded) this.#restless.add(generation);
    for (const [path, { of }] of [...this.#copies, ...this.#links])
      if (of === generation) this.#again.add(path);
    const stream = this.#known.ownerOf(generation);
    if (stream) this.#options.onReady(stream);
  }

  /** Its file holds something else now. */
  async #truncated(generation: Generation, stream: Stream): Promise<void> {
    this.#displace(generation);
    this.#known.forgetId(generation);
    generation.stamp = '';
    generation.wasTruncated = true;
    stream.isUnsaved = true;
    await generation.leave(this.#options.handles);
  }

  /** Files of which nothing is known by their identity: a log's new generation, known content, or something new. */
  async #takeIn(files: readonly Listed[], looked: readonly RawPath[]): Promise<void> {
    const opened: Unknown[] = [];
    for (const file of files) {
      const one = await this.#probe(file);
      if (one) opened.push(one);
    }
    const waiting = new Set<Stream>();
    for (const path of [...looked, ...files.map((file) => file.path)]) {
      const stream = this.homes.familyOf(path)?.stream;
      if (stream && endingOf(path) !== '') waiting.add(stream);
      stream?.doubtful.delete(path);
      // Only now: it may have another name, under which it is waited for.
      if (!this.#options.listing.files.has(path)) this.#goOn(path);
    }
    for (const stream of waiting) {
      const isNew = ({ file }: Unknown): boolean => !opened.some((one) => one.file.path === file.path);
      opened.push(...this.#inspectedOf(stream).filter(isNew));
    }
    await this.#identify(opened);
    for (const { file } of opened) this.#goOn(file.path);
    for (const one of opened) await this.#options.handles.close(one.opened);
  }

  async #identify(opened: readonly Unknown[]): Promise<void> {
    this.#confirmed = new Map();
    this.#begins = new Map();
    const others: Unknown[] = [];
    const unlike = new Set<Unknown>();
    if (opened.length > 0) await this.#checkAllHeld();
    for (const one of opened) {
      const { file } = one;
      const home = this.homes.at(file.path) ?? (await this.#recorded(one));
      const isLive = home && (home.path === file.path || home.real === file.path);
      if (!isLive) others.push(one);
      else if (!(await this.#recognise(file))) await this.#begin(home, one);
    }
    this.#sortByAge(others);
    const matches = await matchByContent(others, (one) => this.#candidatesFor(one));
    for (const [one, { generation, isFull }] of matches) {
      if (!(await this.#isCertain(generation, one))) {
        unlike.add(one);
        continue;
      }
      // What it ends with says more than that both begin alike, or that it holds all of what was seen and more.
      if ((!isFull || one.size > generation.seen) && (await this.#isCopy(one))) continue;
      // A better one may just not have been looked at yet.
      const isOpen = isFull
        ? one.size > generation.seen && this.#mayLieInOlder(generation, one, opened)
        : generation.lostLooks === 0 && !generation.hasEnded;
      if (isOpen) {
        this.homes.familyOf(one.file.path)?.stream.doubtful.add(one.file.path);
        this.#later(one.file.path, this.#waits.lookMs);
      } else if (isFull || this.#isInPlace(generation, one)) await this.#adopt(generation, one);
      else unlike.add(one);
    }
    const members: Unknown[] = [];
    for (const one of others) {
      if (matches.has(one) && !unlike.has(one)) continue;
      const isMember = this.#isMember(one.file.path);
      // What is empty may be the beginning of a copy.
      if ((isMember && one.size === 0) || (await this.#isCopy(one))) continue;
      if (isMember) members.push(one);
      else if (!this.#mayBeMidRotation(one)) await this.#beginOwn(one);
    }
    const families = new Map<Stream, { one: Unknown; rotated: Rotated; mtimeMs: number }[]>();
    for (const one of members) {
      const family = this.homes.familyOf(one.file.path);
      if (!family) {
        await this.#beginShared(one);
        continue;
      }
      const list = families.get(family.stream) ?? [];
      list.push({ one, rotated: family.rotated, mtimeMs: one.file.mtimeMs });
      families.set(family.stream, list);
    }
    for (const [stream, list] of families) {
      for (const { one } of inOrder(list)) await this.#insert(stream, one);
    }
  }

  /**
   * Whether an older file than this one is still being decompressed. All generations may begin alike, so one that has grown
   * since it was seen lies in the oldest file that begins so.
   */
  #mayLieInOlder(generation: Generation, { file }: Unknown, opened: readonly Unknown[]): boolean {
    const stream = this.#known.ownerOf(generation);
    const own = stream && this.homes.rotatedOf(file.path, stream);
    if (!own) return false;
    return [...stream.inspecting].some(([path, { isPassedBy }]) => {
      if (isPassedBy || path === file.path || opened.some((one) => one.file.path === path)) return false;
      const other = this.homes.rotatedOf(path, stream);
      return other !== undefined && byAge({ rotated: other, mtimeMs: 0 }, { rotated: own, mtimeMs: 0 }) <= 0;
    });
  }

  /** Of files that agree with the same generations, which may all begin with one banner, the older are the earlier ones. */
  #sortByAge(files: Unknown[]): void {
    const ages = new Map<Unknown, number>();
    const families = Map.groupBy(files, ({ file }) => this.homes.familyOf(file.path)?.stream);
    for (const [stream, ones] of families) {
      if (!stream) continue;
      const aged = ones.flatMap((one) => {
        const rotated = this.homes.familyOf(one.file.path)?.rotated;
        return rotated ? [{ one, rotated, mtimeMs: one.file.mtimeMs }] : [];
      });
      for (const [age, { one }] of inOrder(aged).entries()) ages.set(one, age);
    }
    files.sort((a, b) => (ages.get(a) ?? -1) - (ages.get(b) ?? -1));
  }

  /** Whether a file is by its name between those of the generations before and behind this one. */
  #isInPlace(generation: Generation, { file }: Unknown): boolean {
    const stream = this.#known.ownerOf(generation);
    const own = stream && this.homes.rotatedOf(file.path, stream);
    if (!own) return true;
    const at = stream.chain.indexOf(generation);
    return stream.chain.every(({ path }, index) => {
      const other = path === undefined || index === at ? undefined : this.homes.rotatedOf(path, stream);
      if (!other) return true;
      const age = byAge({ rotated: own, mtimeMs: 0 }, { rotated: other, mtimeMs: 0 });
      return age === 0 || age < 0 === at < index;
    });
  }

  /**
   * All that was written to the last to what was put aside: it comes before what is in a new file, and what was put aside is
   * found as a copy, or compressed, by all of it.
   */
  async #checkAllHeld(): Promise<void> {
    for (const generation of [...this.#restless]) {
      const stream = this.#known.ownerOf(generation);
      if (!stream || generation.path !== undefined || !this.#options.handles.has(generation)) continue;
      await this.#checkHeld(generation, stream);
    }
  }

  /** A log whose record did not say where it is, now that its file was met. */
  async #recorded({ file }: Unknown): Promise<Stream | undefined> {
    const named = this.#options.nameOf(file.path);
    const kept = named && this.#records.get(named.name);
    if (!named || !kept) return;
    this.#records.delete(named.name);
    return await this.#open({ ...named, path: file.path }, kept.record, kept.past);
  }

  /** Looks into a file; undefined when it cannot be read (yet), or is still being made. */
  async #probe(file: Listed): Promise<Unknown | undefined> {
    const ending = endingOf(file.path);
    try {
      if (ending !== '' && this.#isMember(file.path)) return this.#compressed(file);
      const one = await probe(file, this.#options.handles);
      this.#canRead(file.path);
      return one;
    } catch (error) {
      if (error instanceof FileMovedError) {
        this.#lookAgain(file.path);
        const stream = this.homes.familyOf(file.path)?.stream;
        if (stream) this.#moved.add(stream);
      } else this.#cannotRead(file, error);
    }
  }

  /** A compressed generation of a log that is known is taken in with the others of that log. */
  #compressed(file: Listed): Unknown | undefined {
    const families = this.homes.familiesOf(file.path);
    for (const { stream } of families) {
      if (!stream.inspecting.has(file.path))
        stream.inspecting.set(file.path, { sinceMs: performance.now(), isPassedBy: false });
    }
    if (families.length === 1) return;
    if (families.length === 0) this.#awaitsLog(file.path);
    return this.#inspected(file, undefined);
  }

  /** The compressed generations of a log, when all that it waits for are whole: so they come in the order of their names. */
  #inspectedOf(stream: Stream): readonly Unknown[] {
    const ones: Unknown[] = [];
    for (const path of [...stream.inspecting.keys()]) {
      const file = this.#options.listing.files.get(path);
      const one = file && this.#inspected(file, stream);
      if (one) ones.push(one);
    }
    const whole = new Set(ones.map(({ file }) => file.path));
    const isWaiting = [...stream.inspecting].some(
      ([path, { isPassedBy }]) => !isPassedBy && !whole.has(path),
    );
    return isWaiting ? [] : ones;
  }

  /** What a compressed generation holds, once it is whole and what it was made of is gone. */
  #inspected(file: Listed, family: Stream | undefined): Unknown | undefined {
    const { listing, handles } = this.#options;
    const ending = endingOf(file.path);
    const plain = file.path.slice(0, -ending.length) as RawPath;
    const restMs = Date.now() - Math.max(file.mtimeMs, file.ctimeMs);
    const isOwnPlain = family?.path === plain || family?.real === plain;
    if (listing.files.has(plain) && !isOwnPlain) {
      this.#goOn(file.path);
      this.#later(file.path, this.#waits.tailMs);
      return;
    }
    if (restMs < this.#waits.compressedMs) {
      this.#passBy(file.path);
      this.#later(file.path, this.#waits.compressedMs);
      return;
    }
    const result = this.#inspections.resultFor(file);
    // Of those that may lie in it: that have no file, and are not read to their end.
    const wanted = this.homes
      .familiesOf(file.path)
      .flatMap(({ stream }) => stream.chain)
      .filter(({ path }) => path === undefined)
      .flatMap(({ position, seen }) => [position, seen]);
    const lacks =
      result && wanted.some((at) => at <= result.size && at !== result.size && !result.anchors.has(at));
    if (!result || lacks) {
      this.#inspections.start(file, ending, wanted);
      return;
    }
    if (result.damage !== undefined) {
      if (restMs < this.#waits.damagedMs) {
        this.#passBy(file.path);
        this.#later(file.path, this.#waits.tailMs);
        return;
      }
      this.#options.note(
        `${family?.name ?? ''}: ${baseOf(file.path)} is damaged: ${result.damage}; what can be read of it is shipped`,
      );
    }
    return asUnknown(file, ending, result, handles);
  }

  /** One that is written to and never whole holds up its log for no longer than one that is damaged does. */
  #passBy(path: RawPath): void {
    for (const { stream } of this.homes.familiesOf(path)) {
      const waiting = stream.inspecting.get(path);
      if (!waiting || waiting.isPassedBy || performance.now() - waiting.sinceMs < this.#waits.damagedMs)
        continue;
      waiting.isPassedBy = true;
      this.#options.note(
        `${stream.name}: ${baseOf(path)} is not whole yet, and is shipped behind what was written after it`,
      );
      this.#options.onReady(stream);
    }
  }

  /** Whatever a compressed file was: what waited for it is read on. */
  #goOn(path: RawPath): void {
    for (const { stream } of this.homes.familiesOf(path))
      if (stream.inspecting.delete(path)) this.#options.onReady(stream);
  }

  #later(path: RawPath, waitMs: number): void {
    const dueMs = performance.now() + waitMs;
    const before = this.#due.get(path);
    if (before && before.dueMs <= dueMs) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      this.#due.delete(path);
      this.#lookAgain(path);
    }, waitMs).unref();
    this.#due.set(path, { dueMs, timer });
  }

  /**
   * Generations without a file that begin as this one: those of the log it is named after; when it is named after none,
   * those of any log.
   */
  *#candidatesFor({ file: { path }, begin, size }: Unknown): Generator<Generation, void, undefined> {
    if (!this.#known.hasDisplaced) return;
    const alike = [...this.#known.beginningAs(begin)].filter((generation) => generation.path === undefined);
    const family = this.homes.familyOf(path)?.stream;
    yield* alike
      .filter((generation) => this.#isNamedAs(generation, path))
      .sort((a, b) => placeIn(family, a) - placeIn(family, b));
    if (this.homes.familiesOf(path).length > 0) return;
    // Of a copy that is shorter than what was truncated only the beginning is compared, which other logs may share.
    const named = new Set(this.homes.prefixesOf(path));
    const mayBeOf = (generation: Generation): boolean => {
      const owner = this.#known.ownerOf(generation);
      return size >= generation.seen || (owner !== undefined && named.has(owner));
    };
    yield* alike.filter((generation) => !this.#isNamedAs(generation, path) && mayBeOf(generation));
  }

  #isNamedAs(generation: Generation, path: RawPath): boolean {
    const owner = this.#known.ownerOf(generation);
    return owner !== undefined && this.homes.rotatedOf(path, owner) !== undefined;
  }

  /**
   * Whether a file that agrees with a generation is no other log's: by its name; or, where that says nothing, because what
   * was seen of it is more than a beginning that others share as well. What is left open is reported.
   */
  async #isCertain(generation: Generation, one: Unknown): Promise<boolean> {
    const { path } = one.file;
    const families = this.homes.familiesOf(path);
    if (families.length <= 1 && this.#isNamedAs(generation, path)) return true;
    const isTelling =
      families.length > 0 || one.size === generation.seen || generation.seen > longestHeadBytes;
    if (isTelling && !(await this.#isShared(generation, one))) return true;
    const owner = this.#known.ownerOf(generation);
    if (families.length === 0 && owner && !this.#doubted.has(path)) {
      this.#doubted.add(path);
      this.#options.note(
        `${this.#nameAt(path)}: begins with all that was seen of ${owner.name} (bytes 0 to ${generation.seen}), as another log may, and has no name of it: not taken for it`,
      );
    }
    return false;
  }

  /** Whether another generation holds the same where this one ends, which so is a beginning that several have. */
  async #isShared(generation: Generation, { begin }: Unknown): Promise<boolean> {
    const { seen, seenAnchor } = generation;
    let compared = 0;
    for (const other of this.#known.beginningAs(begin)) {
      if (other === generation || other.seen < seen) continue;
      if (other.seen === seen && other.seenAnchor === seenAnchor) return true;
      if (other.path !== undefined || this.#options.handles.has(other)) {
        const anchor = await other.anchorAt(this.#options.handles, seen).catch(() => undefined);
        if (anchor === seenAnchor) return true;
      }
      compared += 1;
      if (compared === mostCopied) return true;
    }
    return false;
  }

  /** A generation that had lost its file lies in this one. */
  async #adopt(generation: Generation, one: Unknown): Promise<void> {
    const stream = this.#known.ownerOf(generation);
    if (!stream) return;
    const { position, seen } = generation;
    await generation.leave(this.#options.handles);
    await this.#options.handles.pass(one.opened, generation);
    this.#known.place(generation, one.file);
    generation.stamp = one.stamp;
    generation.ending = one.ending;
    generation.seen = Math.max(one.size, position);
    if (one.size >= position) generation.seenAnchor = one.seenAnchor;
    generation.isComplete = generation.wasTruncated || one.ending !== '';
    generation.wasTruncated = false;
    generation.isDeleted = false;
    generation.isLoaded = false;
    generation.lostAtMs = undefined;
    generation.seenAtMs = Date.now();
    if (Math.max(one.size, position) < seen) {
      this.#options.note(
        `${stream.name}: truncated; bytes ${Math.max(one.size, position)} to ${seen} of what it held are missing in its copy, and lost`,
      );
    } else if (one.size < seen) {
      this.#options.note(
        `${stream.name}: truncated; its copy is shorter than what was read: what followed byte ${seen} is lost unless it was empty`,
      );
    }
    if (generation.hasEnded && generation.seen > position) this.#grew(generation, stream, seen);
    this.#setLive(generation, stream, false);
    // Where only a banner was seen of it, it may as well be another one that begins so.
    if (generation.planned === 0 && !generation.hasEnded && !this.#isInPlace(generation, one)) {
      stream.chain = stream.chain.filter((each) => each !== generation);
      stream.insert(generation, (other) => this.#isOlder(generation, other, stream));
    }
    if (generation.isUnread) await this.#hold(generation);
    this.#options.onReady(stream);
    stream.isUnsaved = true;
    stream.isPastUnsaved = true;
  }

  /** Whether a file repeats what a generation has that is there: a copy of it, perhaps still being made. */
  async #isCopy(one: Unknown): Promise<boolean> {
    const { path, stamp, mtimeMs } = one.file;
    const before = this.#copies.get(path);
    this.#copies.delete(path);
    for (const generation of this.#copiedBy(one)) {
      if (await this.#isKnownToDiffer(one, generation)) continue;
      if (!(await one.endsWithin(generation))) {
        if ((await this.#isUntouched(generation)) || (await this.#isIntact(generation))) continue;
        // It was truncated just now, perhaps after this copy of it was made: decided when that was looked at.
        this.suspect(generation);
        this.#lookAgain(path);
        const stream = this.#known.ownerOf(generation);
        if (stream) this.#moved.add(stream);
        return true;
      }
      const sinceMs =
        before?.stamp === stamp ? before.sinceMs : performance.now() - Math.max(0, Date.now() - mtimeMs);
      // A snapshot of the log that stays is a file of its own, and so is what has no name of it; a copy of what was put
      // aside is nothing new.
      const isOwn =
        (generation.isLive || !this.#isNamedAs(generation, path)) &&
        one.ending === '' &&
        performance.now() - sinceMs > this.#waits.copyMs;
      if (!isOwn) {
        this.#copies.set(path, { stamp, of: generation, sinceMs });
        return true;
      }
      await this.#beginOwn(one);
      return true;
    }
    return false;
  }

  /** Generations that are there, of which this may be a copy; one that is shorter is not found by how it begins. */
  *#copiedBy({ file: { path }, begin }: Unknown): Generator<Generation, void, undefined> {
    const families = this.homes.familiesOf(path).map(({ stream }) => stream);
    const streams = families.length > 0 ? families : this.homes.prefixesOf(path);
    const near = streams.flatMap(({ chain, past }) => [...chain, ...past]);
    let compared = 0;
    for (const generation of near.length > 0 ? near : this.#known.beginningAs(begin)) {
      if (generation.path === undefined || generation.path === path) continue;
      yield generation;
      compared += 1;
      if (compared === mostCopied) return;
    }
  }

  /**
   * Of very many files that begin alike, nearly all are told apart by what is known of them, if that still is right, or by
   * their first KiB. Each is asked for once for all files that are identified, after the last of these was looked into.
   */
  async #isKnownToDiffer({ size, seenAnchor, begin }: Unknown, generation: Generation): Promise<boolean> {
    const isOther = async (): Promise<boolean> => {
      if (generation.seen < size) return true;
      if (generation.seen === size) return generation.seenAnchor !== seenAnchor;
      const known = this.#begins.get(generation) ?? this.#beginOf(generation);
      this.#begins.set(generation, known);
      const alike = (await known)?.subarray(0, begin.length);
      return alike !== undefined && !alike.equals(begin.subarray(0, alike.length));
    };
    if (!(await isOther())) return false;
    const asked = this.#confirmed.get(generation) ?? this.#isAsKnown(generation);
    this.#confirmed.set(generation, asked);
    return (await asked) && (await isOther());
  }

  async #beginOf(generation: Generation): Promise<Buffer | undefined> {
    return await readUpTo(generation.reader(this.#options.handles), 0, longestHeadBytes).catch(
      () => undefined,
    );
  }

  async #isAsKnown(generation: Generation): Promise<boolean> {
    return (await this.#isUntouched(generation)) || (await this.#isIntact(generation));
  }

  async #isUntouched(generation: Generation): Promise<boolean> {
    return await generation.isUntouched(this.#options.handles).catch(() => false);
  }

  async #isIntact(generation: Generation): Promise<boolean> {
    const before = generation.seen;
    const isIntact = await generation.check(this.#options.handles).catch(() => false);
    const stream = this.#known.ownerOf(generation);
    if (!isIntact || !stream) return isIntact;
    this.#known.headChanged(generation);
    if (generation.seen > before) {
      this.#grew(generation, stream, before);
      this.#options.onReady(stream);
    }
    return true;
  }

  /** A new generation at the place of the log itself. */
  async #begin(stream: Stream, one: Unknown): Promise<void> {
    if (one.file.path === stream.path && one.file.real !== stream.real)
      await this.#setReal(stream, one.file.real);
    const generation = Generation.found(one.file.path, one);
    await this.#options.handles.pass(one.opened, generation);
    generation.isLive = true;
    stream.chain.push(generation);
    this.#known.add(generation, stream);
    stream.isUnsaved = true;
    this.#isFresh(generation, stream);
  }

  /**
   * What was listed may be older than what was opened then, and an earlier generation have been on its way from one name to
   * another: what is met is read when the next look has found no earlier one.
   */
  #isFresh(generation: Generation, stream: Stream): void {
    generation.isFresh = true;
    this.#fresh.set(generation, stream);
    this.#options.listing.recheckAround(generation.lastPath);
  }

  /** A generation that came and went between two looks: older than the log itself, and younger than what is known. */
  async #insert(stream: Stream, one: Unknown): Promise<void> {
    const generation = Generation.found(one.file.path, one, one.ending);
    await this.#options.handles.pass(one.opened, generation);
    const younger = await this.#readAs(one, stream);
    if (younger) stream.insertBegun(generation, younger);
    else stream.insert(generation, (other) => this.#isOlder(generation, other, stream));
    this.#known.add(generation, stream);
    this.#restless.add(generation);
    await this.#hold(generation);
    stream.isUnsaved = true;
    this.#isFresh(generation, stream);
    if (one.ending !== '' && !stream.hasToldOfCompressed) {
      stream.hasToldOfCompressed = true;
      this.#options.note(
        `${stream.name}: compressed generations such as ${baseOf(one.file.path)} are shipped as a part of it, not as files`,
      );
    }
  }

  /** Named as an earlier generation of several logs, and known to be none of any: a log of its own, if it is followed. */
  async #beginShared(one: Unknown): Promise<void> {
    const { path } = one.file;
    const owners = this.homes.familiesOf(path).map(({ stream }) => stream.name);
    if (owners.length > 0 && !this.#doubted.has(path)) {
      this.#doubted.add(path);
      const isFollowed = this.#options.nameOf(path) !== undefined;
      this.#options.note(
        `${this.#nameAt(path)}: an earlier generation of ${owners.join(' or ')}, and what it holds does not say of which: ${isFollowed ? 'followed under its own name' : `bytes 0 to ${one.size} of it are not shipped`}`,
      );
    }
    await this.#beginOwn(one);
  }

  /**
   * A younger generation of which no more was read than this file holds as well, such as a banner: what was read may be
   * this one's, so that this one is read on and the younger one from its beginning.
   */
  async #readAs(one: Unknown, { chain, live }: Stream): Promise<Generation | undefined> {
    if (chain.some(({ planned, position }) => planned !== position)) return;
    for (const other of chain) {
      const { position, anchor } = other;
      if (position === 0 || position > one.size || other === live || !this.#isNamedOlder(one, other))
        continue;
      const isAnchored = await one.isAnchored(position, anchor).catch(() => false);
      const begin = isAnchored === true ? await this.#beginOf(other) : undefined;
      const bytes = Math.min(position, one.begin.length);
      if (begin?.subarray(0, bytes).equals(one.begin.subarray(0, bytes))) return other;
    }
  }

  #isNamedOlder({ file }: Unknown, { path }: Generation): boolean {
    const own = this.homes.familyOf(file.path);
    const its = own && path !== undefined ? this.homes.rotatedOf(path, own.stream) : undefined;
    return (
      own !== undefined &&
      its !== undefined &&
      byAge({ rotated: own.rotated, mtimeMs: 0 }, { rotated: its, mtimeMs: 0 }) < 0
    );
  }

  /** By their names, of two generations of which nothing was read; undefined when the other one may be anywhere. */
  #isOlder(one: Generation, other: Generation, stream: Stream): boolean | undefined {
    if (other.planned > 0 || one.path === undefined) return false;
    if (other.path === undefined) return this.#options.handles.has(other) ? false : undefined;
    const [a, b] = [this.homes.rotatedOf(one.path, stream), this.homes.rotatedOf(other.path, stream)];
    return a && b ? byAge({ rotated: a, mtimeMs: 0 }, { rotated: b, mtimeMs: 0 }) < 0 : false;
  }

  /** A log that was not known, if it is to be followed under its own name. */
  async #beginOwn(one: Unknown): Promise<void> {
    const { file } = one;
    const named = this.#options.nameOf(file.path);
    if (!named || this.byName.has(named.name)) return;
    if (one.ending !== '' || (file.path.endsWith('.gz') && looksLikeGzip(one.begin))) {
      this.#options.onWhole(file, named);
      return;
    }
    const stream = await this.#open(
      { ...named, path: file.path },
      freshRecord(named.name, this.#options.generation()),
      [],
    );
    await this.#begin(stream, one);
    stream.isUnsaved = false;
  }

  async #open(
    at: Named & { readonly path: RawPath },
    record: FileRecord,
    past: readonly StoredGeneration[],
  ): Promise<Stream> {
    const stream = new Stream(at, record, past);
    this.byName.set(stream.name, stream);
    for (const path of this.#awaitedBy.get(stream.path) ?? []) this.#lookAgain(path);
    this.#awaitedBy.delete(stream.path);
    for (const generation of [...stream.chain, ...stream.past]) this.#known.add(generation, stream);
    for (const generation of stream.chain) this.#restless.add(generation);
    await this.#home(stream, stream.path);
    const { archive } = this.#options;
    if (archive !== undefined) await this.#home(stream, joinRaw(archive, baseOf(stream.path)));
    if (stream.real !== undefined) await this.#home(stream, stream.real);
    return stream;
  }

  async #setReal(stream: Stream, real: RawPath | undefined): Promise<void> {
    stream.real = real;
    stream.isUnsaved = true;
    if (real !== undefined) await this.#home(stream, real);
  }

  async #home(stream: Stream, path: RawPath): Promise<void> {
    this.homes.add(path, stream);
    await this.#options.listing.add(folderOf(path), { isRoot: false });
  }

  /** Named as an earlier generation of a log that is not there: for a moment in each rotation it is not. */
  #mayBeMidRotation({ file: { path }, ending }: Unknown): boolean {
    if (ending !== '' || rotatedNames(path).length === 0) return false;
    const sinceMs = this.#orphans.get(path) ?? performance.now();
    this.#orphans.set(path, sinceMs);
    this.#awaitsLog(path);
    if (performance.now() - sinceMs >= this.#waits.lookMs) return false;
    this.#later(path, this.#waits.lookMs);
    return true;
  }

  #awaitsLog(path: RawPath): void {
    for (const { live } of rotatedNames(path)) {
      const paths = this.#awaitedBy.get(live) ?? new Set();
      this.#awaitedBy.set(live, paths.add(path));
    }
  }

  /** Whether this is the name of an earlier generation of a log that is known or there. */
  #isMember(path: RawPath): boolean {
    if (this.homes.familiesOf(path).length > 0) return true;
    return rotatedNames(path).some(
      ({ live }) =>
        this.#options.listing.files.has(live) &&
        this.#options.nameOf(live) !== undefined &&
        !this.#isMember(live),
    );
  }

  #canRead(path: RawPath): void {
    if (!this.#unreadable.delete(path)) return;
    this.#options.note(`${this.#nameAt(path)}: can be read now`);
  }

  #cannotRead(file: Listed, error: unknown): void {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EIO', 'ESTALE', 'ENXIO', 'EMFILE', 'ENFILE')) throw error;
    const { path } = file;
    const known = this.#unreadable.get(path);
    const reason = messageOf(error);
    if (known) return;
    this.#unreadable.set(path, {
      reason,
      nextMs: performance.now() + this.#waits.unreadableMs,
      waitMs: this.#waits.unreadableMs,
    });
    this.#options.note(`${this.#nameAt(path)}: cannot be read: ${reason}`);
  }

  #nameAt(path: RawPath): string {
    return this.#options.nameOf(path)?.name ?? Buffer.from(path, 'latin1').toString();
  }

  /** What follows for one generation that is not the log itself, or has no file. */
  async #settle(generation: Generation, now: number): Promise<void> {
    const stream = this.#known.ownerOf(generation);
    if (!stream || generation.hasEnded) {
      this.#restless.delete(generation);
      return;
    }
    if (generation.path !== undefined)
      this.#ripen(generation, stream, now, this.#waits.rotatedMs, this.#waits.tailMs);
    else if (this.#options.handles.has(generation)) await this.#settleHeld(generation, stream, now);
    else this.#settleLost(generation, stream, now);
  }

  /** No name leads to it, but we hold it open: late lines are read, and it is let go when nothing comes any more. */
  async #settleHeld(generation: Generation, stream: Stream, now: number): Promise<void> {
    const { handles } = this.#options;
    if (!(await this.#checkHeld(generation, stream))) return;
    const links = await handles.use(generation, async (handle) => (await handle.stat()).nlink);
    generation.isDeleted = links === 0;
    const restMs = generation.isDeleted ? this.#waits.deletedMs : this.#waits.rotatedMs;
    this.#ripen(
      generation,
      stream,
      now,
      restMs,
      generation.isDeleted ? this.#waits.deletedMs : this.#waits.tailMs,
    );
    this.#options.onReady(stream);
  }

  /** What was written to it since. Resolves to false when it is not held any more. */
  async #checkHeld(generation: Generation, stream: Stream): Promise<boolean> {
    const before = generation.seen;
    try {
      if (!(await generation.check(this.#options.handles))) {
        await this.#truncated(generation, stream);
        return false;
      }
    } catch (error) {
      // It had to be closed meanwhile.
      if (error instanceof FileMovedError) return false;
      throw error;
    }
    this.#known.headChanged(generation);
    if (generation.seen > before) this.#grew(generation, stream, before);
    return true;
  }

  /** Its unfinished line is taken, then it is done, each when nothing was written for a while. */
  #ripen(generation: Generation, stream: Stream, now: number, restMs: number, tailMs: number): void {
    const restsMs = generation.isComplete ? Number.POSITIVE_INFINITY : now - generation.grewAtMs;
    const isRead = generation.position === generation.seen;
    if (!isRead && !generation.isFlushed && restsMs > tailMs) {
      generation.isFlushed = true;
      this.#options.onReady(stream);
    } else if (isRead && restsMs > restMs) this.#end(generation, stream);
  }

  #settleLost(generation: Generation, stream: Stream, now: number): void {
    if (generation.seen === 0) {
      this.#end(generation, stream);
      return;
    }
    if (generation.lostAtMs === undefined) {
      generation.lostAtMs = now;
      generation.lostLooks = 0;
    }
    if (now - generation.lostAtMs < this.#waits.lookMs * (generation.lostLooks + 1)) return;
    generation.lostLooks += 1;
    if (generation.lostLooks < lostLooks || stream.isWaiting) return;
    const { position, seen, wasTruncated, isLoaded, isLive, isComplete } = generation;
    const { note } = this.#options;
    const what = `bytes ${position} to ${seen}`;
    if (wasTruncated && seen > position)
      note(`${stream.name}: truncated; ${what} of what it held are in no file, and lost`);
    else if (wasTruncated)
      note(`${stream.name}: truncated; what followed byte ${seen} is lost unless it was empty`);
    else if (seen > position)
      note(`${stream.name}: an earlier generation is gone; ${what} of it were seen and are lost`);
    else if (isLoaded && isLive)
      note(`${stream.name}: rotated while nobody followed; what came after byte ${position} was not found`);
    else if (!isComplete && (isLoaded || !isLive))
      note(
        `${stream.name}: an earlier generation is gone; what was written to it after byte ${position}, if anything, is lost`,
      );
    this.#end(generation, stream);
  }

  #end(generation: Generation, stream: Stream): void {
    generation.hasEnded = true;
    generation.lostAtMs = undefined;
    generation.isDeleted = false;
    this.#restless.delete(generation);
    void generation.leave(this.#options.handles);
    stream.chain = stream.chain.filter((each) => each !== generation);
    const oldest = Date.now() - rememberedMs;
    const forgotten = stream.past.filter(({ path, seenAtMs }) => path === undefined && seenAtMs < oldest);
    for (const each of forgotten) this.#known.remove(each);
    stream.past = [...stream.past.filter((each) => !forgotten.includes(each)), generation];
    stream.leaving.add(generation);
    stream.isUnsaved = true;
    stream.isPastUnsaved = true;
    this.#options.onReady(stream);
  }
}

/** Where in its log a generation is; those that are done come first. */
function placeIn(stream: Stream | undefined, generation: Generation): number {
  return stream?.chain.indexOf(generation) ?? -1;
}

function isSameFile(generation: Generation, file: Listed | undefined): boolean {
  return file !== undefined && file.id === generation.id;
}
