import { type Rotated, rotatedNames } from './family.ts';
import { baseOf, folderOf, joinRaw, type RawPath } from './raw-path.ts';
import type { Stream } from './stream.ts';

/** So many logs of a folder have the names of their possible copies looked for. */
const mostBases = 50;

/** Where each log itself would be, and what its generations may be called there. */
export class Homes {
  /** Everything beside the logs is looked at, whatever its name, because a generation is missing. */
  isSearching = false;
  readonly #streams = new Map<RawPath, Stream>();
  readonly #bases = new Map<RawPath, Set<string>>();

  add(path: RawPath, stream: Stream): void {
    if (!this.#streams.has(path)) this.#streams.set(path, stream);
    const folder = folderOf(path);
    const bases = this.#bases.get(folder);
    if (bases) bases.add(baseOf(path));
    else this.#bases.set(folder, new Set([baseOf(path)]));
  }

  /** The log that belongs at a path. */
  at(path: RawPath): Stream | undefined {
    return this.#streams.get(path);
  }

  /**
   * The log that a file may be an earlier generation of, by its name. `app.log.1` may itself be followed as a log, because it
   * was met while there was no `app.log`; `app.log.1.gz` still is one of `app.log`.
   */
  familyOf(path: RawPath): { readonly stream: Stream; readonly rotated: Rotated } | undefined {
    let family: { readonly stream: Stream; readonly rotated: Rotated } | undefined;
    for (const rotated of rotatedNames(path)) {
      const stream = this.#streams.get(rotated.live);
      if (stream && (!family || rotated.live.length < family.rotated.live.length))
        family = { stream, rotated };
    }
    return family;
  }

  /** Logs of the same folder with whose name this one begins. */
  prefixesOf(path: RawPath): readonly Stream[] {
    const folder = folderOf(path);
    const bases = this.#bases.get(folder);
    if (!bases || bases.size > mostBases) return [];
    return [...bases].flatMap((base) => {
      const stream = baseOf(path).startsWith(base) && this.#streams.get(joinRaw(folder, base as RawPath));
      return stream ? [stream] : [];
    });
  }

  /** Whether a name may be that of a log, of one of its generations or of its copy. */
  isRelated(path: RawPath): boolean {
    const bases = this.#bases.get(folderOf(path));
    if (!bases) return false;
    if (this.isSearching || this.#streams.has(path) || this.familyOf(path)) return true;
    return this.prefixesOf(path).length > 0;
  }
}
