import { type Rotated, rotatedNames } from './family.ts';
import { baseOf, folderOf, joinRaw, type RawPath } from './raw-path.ts';
import type { Stream } from './stream.ts';

/** A log, and which of its generations a name is. */
export type Family = { readonly stream: Stream; readonly rotated: Rotated };

/** So many logs of a folder have the names of their possible copies looked for. */
const mostBases = 50;

/** Where each log itself would be, and what its generations may be called there. */
export class Homes {
  /** Everything beside the logs is looked at, whatever its name, because a generation is missing. */
  isSearching = false;
  /** Logs of one name in two folders share one archive. */
  readonly #streams = new Map<RawPath, readonly Stream[]>();
  readonly #bases = new Map<RawPath, Set<string>>();

  add(path: RawPath, stream: Stream): void {
    const sharers = this.#streams.get(path) ?? [];
    if (!sharers.includes(stream)) this.#streams.set(path, [...sharers, stream]);
    const folder = folderOf(path);
    const bases = this.#bases.get(folder);
    if (bases) bases.add(baseOf(path));
    else this.#bases.set(folder, new Set([baseOf(path)]));
  }

  /** The log that belongs at a path. */
  at(path: RawPath): Stream | undefined {
    return this.#streams.get(path)?.[0];
  }

  /**
   * The log that a file may be an earlier generation of, by its name; undefined where several share that. `app.log.1` may
   * itself be followed as a log, because it was met while there was no `app.log`; `app.log.1.gz` still is one of `app.log`.
   */
  familyOf(path: RawPath): Family | undefined {
    const families = this.familiesOf(path);
    return families.length === 1 ? families[0] : undefined;
  }

  /** All logs that a file may be an earlier generation of, by its name, where these share it. */
  familiesOf(path: RawPath): readonly Family[] {
    let shortest: readonly Family[] = [];
    for (const rotated of rotatedNames(path)) {
      const streams = this.#streams.get(rotated.live);
      const live = shortest[0]?.rotated.live;
      if (streams && (live === undefined || rotated.live.length < live.length))
        shortest = streams.map((stream) => ({ stream, rotated }));
    }
    // A link may have led there before.
    const isAt = (place: (stream: Stream) => RawPath | undefined): readonly Family[] =>
      shortest.filter(({ stream, rotated: { live } }) => place(stream) === live);
    return (
      [isAt(({ path }) => path), isAt(({ real }) => real), shortest].find(({ length }) => length > 0) ?? []
    );
  }

  /** Which of the generations of this log a file is by its name, though it may be one of another log as well. */
  rotatedOf(path: RawPath, stream: Stream): Rotated | undefined {
    return rotatedNames(path).find(({ live }) => this.#streams.get(live)?.includes(stream) === true);
  }

  /** Logs of the same folder with whose name this one begins. */
  prefixesOf(path: RawPath): readonly Stream[] {
    const folder = folderOf(path);
    const bases = this.#bases.get(folder);
    if (!bases || bases.size > mostBases) return [];
    return [...bases].flatMap((base) => {
      if (!baseOf(path).startsWith(base)) return [];
      return this.#streams.get(joinRaw(folder, base as RawPath)) ?? [];
    });
  }

  /** Whether a name may be that of a log, of one of its generations or of its copy. */
  isRelated(path: RawPath): boolean {
    const bases = this.#bases.get(folderOf(path));
    if (!bases) return false;
    if (this.isSearching || this.#streams.has(path) || this.familiesOf(path).length > 0) return true;
    return this.prefixesOf(path).length > 0;
  }
}
