import type { StoredGeneration } from '../channel/ledger.ts';
import { FileMovedError, type Handles, type Openable } from './handles.ts';
import {
  anchorAt,
  anchorOf,
  beginsAs,
  bytesBefore,
  type FileId,
  type Head,
  headOf,
  isAnchored,
  longestHeadBytes,
  type ReadAt,
  stampOf,
} from './identity.ts';
import { Inflated } from './inflated.ts';
import { type Marks, marksUpTo } from './marks.ts';
import type { RawPath } from './raw-path.ts';

/** What was found out about a file at one moment: what it is, how long, how it begins and ends. */
export type Probe = {
  readonly id: FileId;
  readonly stamp: string;
  readonly size: number;
  readonly head: Head;
  readonly seenAnchor: string;
};

/**
 * One generation of a followed file: the content that was put into it between two rotations, wherever it lies by now.
 *
 * It keeps what is needed to know it again (see identity.ts) and how far it was read. What is read is never beyond what
 * was `seen`, and counts only once it was verified that the file still was this one after the reading.
 */
export class Generation implements Openable {
  id: FileId;
  path: RawPath | undefined;
  lastPath: RawPath;
  head: Head;
  position: number;
  anchor: string;
  seen: number;
  seenAnchor: string;
  marks: Marks;
  stamp: string;
  /** It is the log itself, or was when it was last seen. */
  isLive: boolean;
  ending: string;
  /** Epoch ms when it was last seen. */
  seenAtMs: number;

  /** Read, and on its way or announced. */
  planned: number;
  hasEnded = false;
  /** Met in the last look: an earlier one may still be found, and nothing of it is read before. */
  isFresh = false;
  /** Known from the ledger only: this process has not met its file yet. */
  isLoaded = false;
  /** Its file is there and cannot be read for now. */
  isUnreadable = false;
  /** Nothing is written to it any more: a copy, or compressed. */
  isComplete = false;
  /** The unfinished line at its end is to be shipped as it is. */
  isFlushed = false;
  /** Its file was truncated: what was not read may be in a copy, which may be shorter. */
  wasTruncated: boolean;
  /** What was announced of it last ends within a line. */
  endsOpen: boolean;
  grewAtMs = performance.now();
  /** Since when no file is known for it, and how often one was looked for. */
  lostAtMs: number | undefined;
  lostLooks = 0;
  /** Its name was taken away, and nothing but our handle leads to it. */
  isDeleted = false;
  #inflated: Inflated | undefined;
  #home = 0;

  constructor(stored: StoredGeneration) {
    this.id = stored.id;
    this.path = undefined;
    this.lastPath = stored.path as RawPath;
    this.head = stored.head;
    this.position = stored.position;
    this.planned = stored.position;
    this.anchor = stored.anchor;
    this.seen = stored.seen;
    this.seenAnchor = stored.seenAnchor;
    this.marks = stored.marks;
    this.stamp = stored.stamp;
    this.isLive = stored.live;
    this.ending = stored.ending;
    this.isComplete = stored.ending !== '';
    this.seenAtMs = stored.at;
    this.wasTruncated = stored.truncated;
    this.endsOpen = stored.open;
  }

  /** One that begins now, at a place where a file was found. */
  static found(path: RawPath, { id, stamp, size, head, seenAnchor }: Probe, ending = ''): Generation {
    const generation = new Generation({
      id,
      stamp,
      head,
      seen: size,
      seenAnchor,
      position: 0,
      anchor: '',
      marks: '',
      path,
      live: false,
      truncated: false,
      open: false,
      ending,
      at: Date.now(),
    });
    generation.path = path;
    return generation;
  }

  /** Which of the files that it lay in this is: the same positions may hold something else in the next one. */
  get home(): number {
    return this.#home;
  }

  get isUnread(): boolean {
    return this.position < this.seen;
  }

  stored(): StoredGeneration {
    const { id, head, position, anchor, seen, seenAnchor, stamp, ending } = this;
    return {
      ...{ id, head, position, anchor, seen, seenAnchor, stamp, ending },
      // Nothing is shorter than what was put aside and read to its end.
      marks: this.isLive || this.wasTruncated ? this.marks : '',
      path: this.lastPath,
      live: this.isLive,
      truncated: this.wasTruncated,
      open: this.endsOpen,
      at: this.seenAtMs,
    };
  }

  /**
   * Reads the content, opening its file as needed.
   * @throws {FileMovedError} when by then the generation lies elsewhere, where the same positions may be others
   */
  reader(handles: Handles): ReadAt {
    const home = this.#home;
    const raw: ReadAt = (buffer, position) =>
      handles.use(this, async (handle) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead);
    const inflated = this.ending === '' ? undefined : this.#inflatedOf(raw);
    return async (buffer, position) => {
      if (home !== this.#home) throw new FileMovedError('It lies elsewhere by now');
      return await (inflated ? inflated.read(buffer, position) : raw(buffer, position));
    };
  }

  #inflatedOf(raw: ReadAt): Inflated {
    this.#inflated ??= new Inflated(raw, this.ending);
    return this.#inflated;
  }

  /** It lies elsewhere now, perhaps compressed: nothing of what was opened serves any more. */
  async leave(handles: Handles): Promise<void> {
    this.#home += 1;
    const inflated = this.#inflated;
    this.#inflated = undefined;
    await handles.close(this);
    await inflated?.close();
  }

  /**
   * Looks whether its file still holds it, and how much there is by now.
   * @returns false when the file was truncated or overwritten
   * @throws {FileMovedError} and what the system says when it cannot be read
   */
  async check(handles: Handles): Promise<boolean> {
    if (this.ending !== '') {
      const stamp = await handles.use(this, async (handle) => stampOf(await handle.stat({ bigint: true })));
      // Being renamed changes it, too, and says nothing about the content.
      const isSame = contentOf(stamp) === contentOf(this.stamp);
      if (isSame) this.stamp = stamp;
      return isSame;
    }
    const read = this.reader(handles);
    return await handles.use(this, async (handle) => {
      const at = await handle.stat({ bigint: true });
      const size = Number(at.size);
      const { seen, seenAnchor, position, anchor, head } = this;
      // What is new is read before what is known is verified: so both are of the same content.
      const newAnchor = size === seen ? seenAnchor : await anchorAt(read, size);
      const newHead = head.bytes < longestHeadBytes && size > head.bytes ? await headOf(read, size) : head;
      const isSame =
        size >= seen &&
        (await beginsAs(read, head)) &&
        (await isAnchored(read, seen, seenAnchor)) &&
        (await isAnchored(read, position, anchor));
      if (!isSame) return false;
      if (size > seen) this.grewAtMs = performance.now();
      this.seen = size;
      this.seenAnchor = newAnchor;
      this.head = newHead;
      this.stamp = stampOf(at);
      this.seenAtMs = Date.now();
      return true;
    });
  }

  /**
   * Whether nothing has touched its file since `check` or its finding, so that it holds what is known of it. A change
   * within the same tick of the file system's clock leaves the stamp as it was: what is young is never known to be so.
   */
  async isUntouched(handles: Handles): Promise<boolean> {
    const at = await handles.use(this, (handle) => handle.stat({ bigint: true }));
    return stampOf(at) === this.stamp && Date.now() - Number(at.ctimeMs) > clockGrainMs;
  }

  /** The anchor at a position of its content; undefined when it is shorter. */
  async anchorAt(handles: Handles, position: number): Promise<string | undefined> {
    const bytes = await bytesBefore(this.reader(handles), position);
    return bytes.length === Math.min(256, position) ? anchorOf(bytes) : undefined;
  }

  /**
   * After bytes up to `end` were read: whether they were this generation's. Returns what it is known by then.
   * @throws {FileMovedError} and what the system says when it cannot be read
   */
  async verify(
    handles: Handles,
    end: number,
  ): Promise<{ readonly anchor: string; readonly marks: Marks } | undefined> {
    const read = this.reader(handles);
    const last = await bytesBefore(read, end);
    const { position, anchor, seen, seenAnchor, head } = this;
    if (this.ending !== '') return { anchor: anchorOf(last), marks: this.marks };
    const marks = this.isComplete ? this.marks : await marksUpTo(read, end, this.marks);
    const { size } = await handles.use(this, (handle) => handle.stat());
    const isSame =
      size >= Math.max(end, seen) &&
      (await isAnchored(read, seen, seenAnchor)) &&
      (position > 0 && anchor !== '' ? await isAnchored(read, position, anchor) : await beginsAs(read, head));
    return isSame && last.length === Math.min(256, end) ? { anchor: anchorOf(last), marks } : undefined;
  }
}

/** Coarser than the clock of any file system. */
const clockGrainMs = 2500;

/** Of a stamp, what changes with the content: identity, size and time of change. */
function contentOf(stamp: string): string {
  return stamp.split(':').slice(0, 5).join(':');
}
