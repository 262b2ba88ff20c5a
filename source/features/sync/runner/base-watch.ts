import path from 'node:path';
import { folderAt, isAt, isEmpty, isNested, placeOf, readMarker, writeMarker } from '../copy/base.ts';
import { NestedError } from '../errors.ts';
import type { TargetRecord } from '../record.ts';

/** What of the record says which folder the base is. */
export type Identity = Readonly<Pick<TargetRecord, 'real' | 'marker' | 'place'>>;

export type Looked = {
  /** The real folder behind the base as it was given. */
  readonly real: string;
  readonly identity: Identity;
  /** A symlink on the way to it leads to another folder now; this was the one before. */
  readonly switchedFrom: string | undefined;
  /** Why it is not the folder that the target was filled from. */
  readonly mismatch: string | undefined;
};

/**
 * Looks at the base as it is now. With `deletes` it is compared with what is remembered of it, and gets a marker when it
 * has none and something is in it.
 *
 * A symlink that was switched is followed: whoever switched it meant to. That folder may be a new one, so it gets an
 * identity of its own; how much may be removed because of it is limited like everything else.
 * @throws {BaseError | NestedError}
 */
export async function lookAtBase(
  given: string,
  {
    target,
    deletes,
    known,
  }: { readonly target: string; readonly deletes: boolean; readonly known: Identity },
): Promise<Looked> {
  const real = await folderAt(given);
  if (await isNested(real, target)) throw new NestedError(real, target);
  const isLink = real !== path.resolve(given);
  const isSwitched = isLink && known.real !== null && known.real !== real;
  const switchedFrom = isSwitched ? (known.real ?? undefined) : undefined;
  const before = isSwitched ? { marker: null, place: null } : known;
  if (!deletes) return { real, identity: { ...before, real }, switchedFrom, mismatch: undefined };
  const marker = await readMarker(real);
  const mismatch = await mismatchOf(real, before, marker);
  if (mismatch !== undefined) return { real, identity: known, switchedFrom, mismatch };
  return { real, identity: { real, ...(await identify(real, before, marker)) }, switchedFrom, mismatch };
}

/** Takes the folder for the base from now on, whatever it was before. */
export async function adopt(real: string): Promise<Identity> {
  return { real, ...(await identify(real, { marker: null, place: null }, await readMarker(real), true)) };
}

type Known = Pick<Identity, 'marker' | 'place'>;

async function mismatchOf(
  real: string,
  known: Known,
  marker: string | undefined,
): Promise<string | undefined> {
  if (known.marker !== null) {
    if (marker === undefined) return 'it has lost the marker by which it is recognised';
    return marker === known.marker ? undefined : 'it has the marker of another folder';
  }
  if (known.place === null) return;
  return (await isAt(real, known.place))
    ? undefined
    : 'it is another folder, or nothing of what it held is there';
}

async function identify(
  real: string,
  known: Known,
  marker: string | undefined,
  evenEmpty = false,
): Promise<Known> {
  if (marker !== undefined) return { marker, place: null };
  if (known.place !== null) return known;
  // An empty folder may be what is left where a disk is not mounted.
  if (!evenEmpty && (await isEmpty(real))) return { marker: null, place: null };
  const written = await writeMarker(real);
  return written === undefined
    ? { marker: null, place: await placeOf(real) }
    : { marker: written, place: null };
}
