import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { RsyncError } from '../errors.ts';
import { missingMarker } from '../target-marker.ts';
import { holdsSome, type Place, readMarker } from './base.ts';
import type { Rsync } from './execute.ts';

/**
 * Folders that are held open while rsync runs, and looked at through what is open: what is copied to and removed from is
 * what was looked at, whatever is mounted or unmounted at its path meanwhile.
 */

/** How the base of a target with `--delete` is known. */
export type KnownBase = { readonly marker: string | null; readonly place: Place | null };

export type Ends = {
  /** For the child, from its descriptor 3 on. */
  readonly descriptors: readonly number[];
  readonly source: string;
  readonly target: string;
  /** What rsync says of it, with the paths that the user gave. */
  named(line: string): string;
  close(): Promise<void>;
};

/** Where a process finds its own descriptors by a path; elsewhere the check comes just before rsync. */
const own = process.platform === 'linux' ? '/proc/self/fd' : undefined;
const firstOfChild = 3;

/**
 * Opens what has to be certain, and looks at it.
 * @throws {RsyncError} when it is not what it has to be, and nothing may be copied or removed
 */
export async function openEnds(rsync: Rsync): Promise<Ends> {
  const { base, destination, targetMarker, knownBase } = rsync;
  const held: { readonly handle: FileHandle; readonly given: string }[] = [];
  const close = async (): Promise<void> => {
    for (const { handle } of held) await handle.close();
  };
  const hold = async (
    given: string,
    isRight: (at: string) => Promise<boolean>,
    otherwise: string,
  ): Promise<string> => {
    const refused = (detail: string): RsyncError =>
      new RsyncError(destination, undefined, `before it began: ${detail}`);
    const handle = await open(given, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: Error) => {
      throw refused(error.message);
    });
    held.push({ handle, given });
    const at = own === undefined ? given : `${own}/${handle.fd}`;
    if (!(await isRight(`${at}/`))) throw refused(otherwise);
    return own === undefined ? given : `${own}/${firstOfChild + held.length - 1}`;
  };
  try {
    const isKnown = knownBase !== undefined && (knownBase.marker !== null || knownBase.place !== null);
    const source = isKnown
      ? await hold(base, (at) => isBase(at, knownBase), `${base} is not the folder that it was filled from`)
      : base;
    const target =
      targetMarker !== undefined && isLocal(destination)
        ? await hold(destination, (at) => isFile(at + targetMarker), missingMarker(destination, targetMarker))
        : destination;
    return {
      descriptors: held.map(({ handle }) => handle.fd),
      source: withSlash(source),
      target: withSlash(target),
      named: (line) =>
        held.reduce(
          (text, { given }, index) =>
            text.replaceAll(`${own}/${firstOfChild + index}`, given.replace(/\/$/, '')),
          line,
        ),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function isBase(at: string, { marker, place }: KnownBase): Promise<boolean> {
  if (marker !== null) return (await readMarker(at)) === marker;
  return place === null || (await holdsSome(at, place));
}

async function isFile(file: string): Promise<boolean> {
  return await lstat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** `host:path` and `rsync://` lie elsewhere; a colon behind a slash is part of a name. */
function isLocal(target: string): boolean {
  return !/^[^/]*:/.test(target);
}

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
