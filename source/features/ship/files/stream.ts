import type { FileRecord, StoredGeneration } from '../channel/ledger.ts';
import { Generation } from './generation.ts';
import type { RawPath } from './raw-path.ts';

/**
 * A followed log: everything that is written to it, through all its generations, as one file under its name.
 *
 * `chain` holds the generations that are not done, oldest first: they are shipped in this order, and while one of them
 * may still have unread bytes none behind it is read. `past` holds those that were shipped to their end, so that they are
 * known when they are met again.
 */
export class Stream {
  readonly name: string;
  readonly rawName: Buffer | undefined;
  /** Where the log itself is. */
  readonly path: RawPath;
  /** Where it really is, when that is a symbolic link. */
  real: RawPath | undefined;
  record: FileRecord;
  chain: Generation[];
  past: Generation[];
  /** How far the planning is: what was shipped under the name, and in how many parts. */
  planned: { shipped: number; number: number };
  /** Whose line is unfinished at the end of what is planned; null: of one that is gone. */
  openPlanned: Generation | null | undefined;
  /** The same of what was announced. */
  open: Generation | null | undefined;
  /** The record in Redis lacks something. */
  isUnsaved = false;
  isPastUnsaved = false;
  /** Compressed generations of which it is not known yet what they are: nothing is read before. */
  readonly inspecting = new Set<RawPath>();
  hasToldOfCompressed = false;
  /** Another shipper has it in hand, or it cannot be shipped for another reason. */
  hasFailed = false;

  constructor(
    at: { readonly name: string; readonly rawName?: Buffer | undefined; readonly path: RawPath },
    record: FileRecord,
    past: readonly StoredGeneration[],
  ) {
    this.name = at.name;
    this.rawName = at.rawName;
    this.path = at.path;
    this.record = record;
    this.real = record.real as RawPath | undefined;
    const isLegacy = record.path === undefined && record.chain === undefined;
    const chain = record.chain ?? (isLegacy ? [legacyGeneration(record, at.path)] : []);
    this.chain = chain.map((each) => loaded(each));
    this.past = past.map((each) => {
      const generation = loaded(each);
      generation.hasEnded = true;
      return generation;
    });
    this.planned = { shipped: record.shipped, number: record.number };
    this.open = this.chain.find(({ endsOpen }) => endsOpen) ?? (record.open === true ? null : undefined);
    this.openPlanned = this.open;
  }

  get live(): Generation | undefined {
    return this.chain.find(({ isLive, path }) => isLive && path !== undefined);
  }

  /** Puts an earlier generation in: before the log itself, as whatever else is known is older. */
  insert(generation: Generation): void {
    const at = this.chain.findIndex(({ isLive, path }) => isLive && path !== undefined);
    this.chain.splice(at === -1 ? this.chain.length : at, 0, generation);
  }

  /** What was read and not announced is to be read again. */
  replan(): void {
    this.planned = { shipped: this.record.shipped, number: this.record.number };
    this.openPlanned = this.open;
    for (const generation of this.chain) generation.planned = generation.position;
  }

  /** The record as it is to be stored, after `shipped` bytes in `number` parts. */
  recordAfter({ shipped, number }: { readonly shipped: number; readonly number: number }): FileRecord {
    const last = this.chain.at(-1);
    const { generation, token, piecesFrom } = this.record;
    return {
      name: this.name,
      generation,
      token,
      ...(piecesFrom !== undefined && { piecesFrom }),
      inode: last?.id ?? this.record.inode,
      head: last?.head ?? this.record.head,
      position: last?.position ?? 0,
      shipped,
      number,
      bytes: shipped + this.chain.reduce((sum, { seen, position }) => sum + seen - position, 0),
      state: 'open',
      ...(this.open !== undefined && { open: true }),
      path: this.path,
      ...(this.real !== undefined && { real: this.real }),
      // An empty list would come back from Lua as something else.
      ...(this.chain.length > 0 && { chain: this.chain.map((each) => each.stored()) }),
    };
  }
}

/** The record of a file of which nothing was shipped yet. */
export function freshRecord(name: string, generation: string): FileRecord {
  return {
    name,
    generation,
    token: '',
    inode: '',
    head: { bytes: 0, digest: '' },
    position: 0,
    shipped: 0,
    number: 0,
    bytes: 0,
    state: 'open',
    chain: [],
  };
}

function loaded(stored: StoredGeneration): Generation {
  const generation = new Generation(stored);
  generation.isLoaded = true;
  return generation;
}

/** A record from before generations were kept, or of a run that did not follow. */
function legacyGeneration({ inode, head, position }: FileRecord, path: RawPath) {
  return {
    id: inode,
    head,
    position,
    anchor: '',
    seen: position,
    seenAnchor: '',
    stamp: '',
    path,
    live: true,
    truncated: false,
    open: false,
    ending: '',
    at: 0,
  };
}
