import type { Generation, Probe } from './generation.ts';
import { FileMovedError, type Handles, type Openable } from './handles.ts';
import {
  anchorOf,
  bytesBefore,
  digestOf,
  fileId,
  isAnchored,
  longestHeadBytes,
  type ReadAt,
  readUpTo,
  rungOf,
  stampOf,
} from './identity.ts';
import { type Inspected, inspect } from './inflated.ts';
import type { Listed } from './listing.ts';
import { hasMarks, isMarked, type Marks } from './marks.ts';
import type { RawPath } from './raw-path.ts';

/** A file of which nothing is known, looked into a little. Sizes and positions are those of its content. */
export type Unknown = Probe & {
  readonly file: Listed;
  /** Under what it is open, for whoever keeps it. */
  readonly opened: Openable;
  /** `.gz` and the like when the content is compressed. */
  readonly ending: string;
  /** Up to 1 KiB from its beginning. */
  readonly begin: Buffer;
  /** Whether this stands before a position; undefined when that would have to be read anew. */
  isAnchored(position: number, anchor: string): Promise<boolean | undefined>;
  /** Whether it holds what a generation does at fixed positions, as far as it goes. */
  isMarked(marks: Marks): Promise<boolean>;
  /** Whether a generation has the same where this ends. */
  endsWithin(generation: Generation): Promise<boolean>;
};

/**
 * Opens a file and looks into it; it stays open.
 * @throws {FileMovedError} and what the system says when it cannot be read
 */
export async function probe(file: Listed, handles: Handles): Promise<Unknown> {
  const { path, id } = file;
  const openable: Openable = { path, id };
  const read = readerOf(openable, handles);
  return await handles.use(openable, async (handle) => {
    const at = await handle.stat({ bigint: true });
    const size = Number(at.size);
    const begin = await readUpTo(read, 0, Math.min(size, longestHeadBytes));
    const last = await bytesBefore(read, size);
    const rung = rungOf(begin.length);
    const seenAnchor = anchorOf(last);
    return {
      file,
      opened: openable,
      id: fileId(at),
      stamp: stampOf(at),
      size,
      head: { bytes: rung, digest: digestOf(begin.subarray(0, rung)) },
      seenAnchor,
      ending: '',
      begin,
      isAnchored: (position, anchor) => isAnchored(read, position, anchor),
      isMarked: (marks) => isMarked(read, size, marks),
      endsWithin: async (generation) =>
        (await generation.anchorAt(handles, size).catch(() => undefined)) === seenAnchor,
    };
  });
}

function readerOf(openable: Openable, handles: Handles): ReadAt {
  return (buffer, position) =>
    handles.use(
      openable,
      async (handle) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
    );
}

type Inspection = { readonly stamp: string; readonly startedAtMs: number; result: Inspected | undefined };

/**
 * Compressed files are known by their content, so each is decompressed once to learn what it holds; one at a time, beside
 * everything else.
 */
export class Inspections {
  readonly #handles: Handles;
  readonly #signal: AbortSignal;
  readonly #onDone: (path: RawPath) => void;
  readonly #known = new Map<RawPath, Inspection>();
  #turn: Promise<void> = Promise.resolve();
  #pending = 0;

  constructor(handles: Handles, signal: AbortSignal, onDone: (path: RawPath) => void) {
    this.#handles = handles;
    this.#signal = signal;
    this.#onDone = onDone;
  }

  get pending(): number {
    return this.#pending;
  }

  /** What is known of a file; undefined while it is being looked into. */
  resultFor({ path, stamp }: Listed): Inspected | undefined {
    const known = this.#known.get(path);
    return known?.stamp === stamp ? known.result : undefined;
  }

  /** Looks into a file, and remembers its anchors at these positions. */
  start(file: Listed, ending: string, positions: readonly number[]): void {
    const known = this.#known.get(file.path);
    if (known?.stamp === file.stamp && known.result === undefined) return;
    const inspection: Inspection = { stamp: file.stamp, startedAtMs: performance.now(), result: undefined };
    this.#known.set(file.path, inspection);
    this.#pending += 1;
    this.#turn = this.#turn.then(async () => {
      const openable: Openable = { path: file.path, id: file.id };
      try {
        const read = readerOf(openable, this.#handles);
        inspection.result = await inspect(read, ending, positions, this.#signal);
      } catch (error) {
        // It is another one by now, or cannot be read: the next look tells.
        if (!(error instanceof FileMovedError)) inspection.result = undefined;
        this.#known.delete(file.path);
      } finally {
        this.#pending -= 1;
        await this.#handles.close(openable);
        if (!this.#signal.aborted) this.#onDone(file.path);
      }
    });
  }

  forget(path: RawPath): void {
    this.#known.delete(path);
  }

  async stopped(): Promise<void> {
    await this.#turn;
  }
}

/** A compressed file as one that can be matched. */
export function asUnknown(file: Listed, ending: string, inspected: Inspected, handles: Handles): Unknown {
  const { size, head, begin, seenAnchor, anchors, marks: own } = inspected;
  return {
    file,
    opened: { path: file.path, id: file.id },
    id: file.id,
    stamp: file.stamp,
    size,
    head,
    seenAnchor,
    ending,
    begin,
    isAnchored: async (position, anchor) => {
      if (anchor === '' || position === 0) return true;
      const own = position === size ? seenAnchor : anchors.get(position);
      return own === undefined ? undefined : own === anchor;
    },
    isMarked: async (marks) => hasMarks(own, size, marks),
    endsWithin: async (generation) =>
      (await generation.anchorAt(handles, size).catch(() => undefined)) === seenAnchor,
  };
}
