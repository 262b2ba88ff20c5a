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
/** Where a path begins, as rsync quotes it; the folders that the user gave may have any name. */
const ownPath = /(?<=^|[\s"(])\/proc\/self\/fd\/(\d+)(?=$|[/\s":)])/g;

/**
 * Opens what has to be certain, and looks at it.
 * @throws {RsyncError} when it is not what it has to be, and nothing may be copied or removed
 */
export async function openEnds(rsync: Rsync): Promise<Ends> {
  const { base, destination, targetMarker, knownBase } = rsync;
  const held: { readonly handle: FileHandle; readonly given: string }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(held.map(({ handle }) => handle.close()));
  };
  const hold = async (
    given: string,
    isRight: (at: string) => Promise<boolean>,
    otherwise: string,
  ): Promise<string> => {
    const refused = (detail: string): RsyncError =>
      new RsyncError(destination, undefined, `before it began: ${detail}`);
    const failed = (error: Error): never => {
      throw refused(error.message.replace(/'\/proc\/self\/fd\/\d+\/?'/, () => `'${given}'`));
    };
    const handle = await open(given, constants.O_RDONLY | constants.O_DIRECTORY).catch(failed);
    held.push({ handle, given });
    const at = own === undefined ? given : `${own}/${handle.fd}`;
    // A disk may be gone for a moment only.
    if (!(await isRight(`${at}/`).catch(failed))) throw refused(otherwise);
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
        line.replaceAll(
          ownPath,
          (found, descriptor) => held[Number(descriptor) - firstOfChild]?.given.replace(/\/$/, '') ?? found,
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
