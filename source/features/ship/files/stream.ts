import type { FileRecord, StoredGeneration } from '../channel/ledger.ts';
import { Generation } from './generation.ts';
import type { Marks } from './marks.ts';
import type { RawPath } from './raw-path.ts';

/** How far a generation is after a part of it. */
export type Step = {
  readonly generation: Generation;
  readonly position: number;
  readonly anchor: string;
  readonly marks: Marks;
  /** The part ends within a line. */
  readonly isOpen: boolean;
};

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
  /**
   * Compressed generations of which it is not known yet what they are, since when: nothing is read before, unless one
   * takes so long that it is passed by.
   */
  readonly inspecting = new Map<RawPath, { readonly sinceMs: number; isPassedBy: boolean }>();
  /** They have ended, and Redis does not know yet: until the past is stored they are in the record. */
  readonly leaving = new Set<Generation>();
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
    // One that was written to again is in the record from then on, and perhaps in the past still.
    const ids = new Set(this.chain.map(({ id }) => id).filter((id) => id !== ''));
    this.past = past.flatMap((each) => {
      if (ids.has(each.id)) return [];
      const generation = loaded(each);
      generation.hasEnded = true;
      return [generation];
    });
    this.planned = { shipped: record.shipped, number: record.number };
    this.open = this.chain.find(({ endsOpen }) => endsOpen) ?? (record.open === true ? null : undefined);
    this.openPlanned = this.open;
  }

  /** Files that agree with a generation, but not well: they are decided when no better one was found. */
  readonly doubtful = new Set<RawPath>();

  /** A generation may still be found that is to be read before those that were not begun. */
  get isWaiting(): boolean {
    if (this.doubtful.size > 0) return true;
    return [...this.inspecting.values()].some(({ isPassedBy }) => !isPassedBy);
  }

  get live(): Generation | undefined {
    return this.chain.find(({ isLive, path }) => isLive && path !== undefined);
  }

  /** Puts an earlier generation in: before the log itself, as whatever else is known is older unless it is said not to be. */
  insert(generation: Generation, isBefore: (other: Generation) => boolean | undefined = () => false): void {
    const live = this.chain.findIndex(({ isLive, path }) => isLive && path !== undefined);
    let at = live === -1 ? this.chain.length : live;
    for (let index = at - 1; index >= 0; index -= 1) {
      const other = this.chain[index];
      const is = other && isBefore(other);
      if (is === false) break;
      if (is) at = index;
    }
    this.chain.splice(at, 0, generation);
  }

  /** Puts an earlier generation before one that began with the same: what was read of that was read of this one. */
  insertBegun(generation: Generation, younger: Generation): void {
    const { position, anchor, endsOpen } = younger;
    Object.assign(generation, { position, planned: position, anchor, endsOpen });
    Object.assign(younger, { position: 0, planned: 0, anchor: '', endsOpen: false });
    if (this.open === younger) this.open = generation;
    if (this.openPlanned === younger) this.openPlanned = generation;
    this.chain.splice(this.chain.indexOf(younger), 0, generation);
  }

  /** What was read and not announced is to be read again. */
  replan(): void {
    this.planned = { shipped: this.record.shipped, number: this.record.number };
    this.openPlanned = this.open;
    for (const generation of this.chain) generation.planned = generation.position;
  }

  /** A part was announced. */
  take({ generation, position, anchor, marks, isOpen }: Step): void {
    generation.position = position;
    generation.anchor = anchor;
    generation.marks = marks;
    // It was truncated meanwhile, and lies in a copy that is shorter.
    if (generation.seen < position) {
      generation.seen = position;
      generation.seenAnchor = anchor;
    }
    for (const each of this.chain) each.endsOpen = false;
    generation.endsOpen = isOpen;
    this.open = isOpen ? generation : undefined;
  }

  /** The record as it is to be stored, after `shipped` bytes in `number` parts, of which `step` was the last. */
  recordAfter(
    { shipped, number }: { readonly shipped: number; readonly number: number },
    step?: Step,
  ): FileRecord {
    const isOpen = step ? step.isOpen : this.open !== undefined;
    const stored = [...this.leaving, ...this.chain].map((each): StoredGeneration => {
      if (!step) return each.stored();
      if (each !== step.generation) return { ...each.stored(), open: false };
      const { position, anchor, marks } = step;
      return { ...each.stored(), position, anchor, open: step.isOpen, ...(each.isLive && { marks }) };
    });
    const last = stored.at(-1);
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
      bytes: shipped + unread(stored.slice(this.leaving.size)),
      state: 'open',
      ...(isOpen && { open: true }),
      path: this.path,
      ...(this.real !== undefined && { real: this.real }),
      // An empty list would come back from Lua as something else.
      ...(stored.length > 0 && { chain: stored }),
    };
  }
}

function unread(generations: readonly Pick<StoredGeneration, 'seen' | 'position'>[]): number {
  return generations.reduce((sum, { seen, position }) => sum + Math.max(0, seen - position), 0);
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
    marks: '',
    stamp: '',
    path,
    live: true,
    truncated: false,
    open: false,
    ending: '',
    at: 0,
  };
}
