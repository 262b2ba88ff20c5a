import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { aroundCost, recordCost, stringCost } from '../channel/cost.ts';
import { counterKey, dataKey } from '../channel/keys.ts';
import { type FileRecord, storedRecord } from '../channel/ledger.ts';
import { headIn, type ReadAt } from '../files/identity.ts';
import type { Source } from '../files/sources.ts';
import type { Announcer } from './announce.ts';
import type { Part } from './pipeline.ts';
import { makePart } from './plan.ts';
import type { ShipSession } from './session.ts';

/** A small file that was read: its only part, and all of its content. */
export type SmallFile = {
  readonly source: Source;
  readonly part: Part;
  readonly content: Buffer;
};

/** Files up to here travel together. */
const smallBytes = 16 * 1024;
/** Fewer than that are not worth waiting for what is under way. */
const fewestFiles = 4;
const mostFiles = 128;
const longestRun = 8 * mostFiles;
const filesAtOnce = 16;
/** Where reading takes longer than that, threads do it, several files beside each other. */
const mostBlockedMs = 10;
/** What goes with each content: names, its entries in the ledger. */
const wordsBytes = 1024;

/**
 * Ships small files many at a time: read beside each other, announced in one step, the next ones read meanwhile. What is
 * not plain about a file (it grew, its name is taken, the budget is full) is left to the way that large ones go.
 */
export class Packer {
  readonly #session: ShipSession;
  readonly #announcer: Announcer;
  readonly #generation: () => string;
  #most = mostFiles;

  constructor(session: ShipSession, announcer: Announcer, generation: () => string) {
    this.#session = session;
    this.#announcer = announcer;
    this.#generation = generation;
  }

  /** Those that can go together, from one on; none when it is not worth it. */
  run(sources: readonly Source[], from: number, isNew: (source: Source) => boolean): readonly Source[] {
    let to = from;
    let last = this.#announcer.lastName;
    if (last === undefined) return [];
    for (let source = sources[to]; source && to - from < longestRun; source = sources[to]) {
      const { name, bytes } = source;
      if (bytes > smallBytes || name.endsWith('.gz') || name <= last || !isNew(source)) break;
      last = name;
      to += 1;
    }
    return to - from < fewestFiles ? [] : sources.slice(from, to);
  }

  /** Ships such files up to the first that is not plain. Resolves to how many that were. */
  async ship(sources: readonly Source[], onAnnounced: (record: FileRecord) => void): Promise<number> {
    const { signal } = this.#session;
    let shipped = 0;
    let reading = this.#read(sources);
    while (shipped < sources.length) {
      signal.throwIfAborted();
      const { batch, isWhole } = await reading;
      // Read while these are on their way.
      reading = isWhole ? this.#read(sources.slice(shipped + batch.length)) : nothing;
      const count = batch.length === 0 ? 0 : await this.#announcer.pack(batch);
      for (const { part } of batch.slice(0, count)) onAnnounced(part.after);
      shipped += count;
      // Where there is little room, little is read that does not find any.
      this.#most = count < batch.length ? Math.max(fewestFiles, count) : Math.min(2 * this.#most, mostFiles);
      if (count < batch.length || !isWhole) break;
    }
    await reading;
    return shipped;
  }

  /** So many files are within what may pass through Redis at a time. */
  #batchOf(sources: readonly Source[]): readonly Source[] {
    const { blockBytes } = this.#session.allotment;
    let bytes = 0;
    const end = sources.findIndex((source, index) => {
      bytes += source.bytes + wordsBytes;
      return index > 0 && (index >= this.#most || bytes > blockBytes);
    });
    return end === -1 ? sources : sources.slice(0, end);
  }

  /** The first batch of these, up to the first file that is not what it was when it was listed. */
  async #read(sources: readonly Source[]): Promise<Read> {
    const wanted = this.#batchOf(sources);
    const generations = wanted.map(() => this.#generation());
    const read: (SmallFile | undefined)[] = [];
    let at = 0;
    // Of a file that the system has in memory a thread for each call takes many times as long as the calls.
    for (const endMs = performance.now() + mostBlockedMs; performance.now() < endMs; at += 1) {
      const [source, generation] = [wanted[at], generations[at]];
      if (!source || generation === undefined) break;
      read[at] = readSmallAtOnce(source, generation);
    }
    const lane = async (): Promise<void> => {
      for (let index = at; index < wanted.length; index = at) {
        at += 1;
        const [source, generation] = [wanted[index], generations[index]];
        if (source && generation !== undefined) read[index] = await readSmall(source, generation);
      }
    };
    await Promise.all(Array.from({ length: filesAtOnce }, lane));
    const batch: SmallFile[] = [];
    for (const file of read) {
      if (!file) return { batch, isWhole: false };
      batch.push(file);
    }
    return { batch, isWhole: true };
  }
}

type Read = { readonly batch: readonly SmallFile[]; readonly isWhole: boolean };
const nothing: Promise<Read> = Promise.resolve({ batch: [], isWhole: true });

// A pipe of that name must not hold us up.
const reading = constants.O_RDONLY | constants.O_NONBLOCK;

/** Undefined when it is not what it was when it was listed, or cannot be read: the way that large ones go says why. */
async function readSmall(source: Source, generation: string): Promise<SmallFile | undefined> {
  const handle = await open(source.path, reading).catch(() => undefined);
  try {
    const found = await handle?.stat({ bigint: true });
    if (!handle || !found || !isListed(source, found)) return;
    const buffer = bufferFor(source);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return smallFile(source, generation, buffer.subarray(0, bytesRead));
  } catch {
    return;
  } finally {
    await handle?.close();
  }
}

function readSmallAtOnce(source: Source, generation: string): SmallFile | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(source.path, reading);
    if (!isListed(source, fstatSync(descriptor, { bigint: true }))) return;
    const buffer = bufferFor(source);
    const bytesRead = readSync(descriptor, buffer, 0, buffer.length, 0);
    return smallFile(source, generation, buffer.subarray(0, bytesRead));
  } catch {
    return;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function isListed({ inode }: Source, found: BigIntStats): boolean {
  return found.isFile() && `${found.dev}:${found.ino}` === inode;
}

/** One byte more shows that it has grown. */
function bufferFor({ bytes }: Source): Buffer {
  return Buffer.allocUnsafe(bytes + 1);
}

function smallFile(source: Source, generation: string, content: Buffer): SmallFile | undefined {
  const bytes = content.length;
  if (bytes !== source.bytes) return;
  const read: ReadAt = async (into, position) => content.copy(into, 0, position);
  const record: FileRecord = {
    name: source.name,
    generation,
    token: '',
    inode: source.inode,
    head: headIn(content),
    position: 0,
    shipped: 0,
    number: 0,
    bytes,
    state: 'open',
  };
  const cut = { bytes, kind: 'lines' as const };
  return { source, content, part: makePart(source, read, record, cut, { last: true }) };
}

/** The keys and words of a batch, as `pack.lua` takes them. */
export function packed(
  { keys, token, terms }: ShipSession,
  batch: readonly SmallFile[],
  isQuiet: (source: Source) => boolean,
): { readonly keys: readonly string[]; readonly words: readonly (string | number | Buffer)[] } {
  const names: string[] = [];
  const words: (string | number | Buffer)[] = [];
  for (const { source, part, content } of batch) {
    const { cost: _, want: __, finished: ___, ...entry } = part.entry;
    const [data, counter] = [dataKey(keys, part.name), counterKey(keys, part.name)];
    const json = JSON.stringify({ ...entry, token });
    const record = storedRecord({ ...part.after, token });
    const keyBytes = Buffer.byteLength(counter);
    names.push(data, counter);
    words.push(
      part.name,
      source.name,
      part.after.generation,
      json.slice(0, -1),
      record.slice(0, -1),
      stringCost(content.length, keyBytes),
      aroundCost(Buffer.byteLength(part.name), Buffer.byteLength(json), keyBytes, terms.consumers),
      recordCost(Buffer.byteLength(source.name), Buffer.byteLength(record)),
      isQuiet(source) ? 1 : 0,
      content,
    );
  }
  return { keys: names, words };
}
