import path from 'node:path';
import * as v from 'valibot';

/**
 * A notification about a path below the base: it changed, it is gone, everything below it is to be looked at again, or
 * its own entries are, because one has a name that no message can hold. What is found on disk when the batch is made
 * decides; `op` is only a hint.
 */
export type Change = {
  readonly path: string;
  readonly op: 'change' | 'delete' | 'rescan' | 'entries';
  /** It changed for the file system, so its size or time differ; else somebody named it, and its content is compared. */
  readonly quick?: true;
};

/** A payload that names nothing below the base, and why. */
export type Refused = { readonly refused: string; readonly reason: string };

export function isRefused(change: Change | Refused): change is Refused {
  return 'refused' in change;
}

/**
 * Reads a payload: a bare path as other programs publish it, or JSON `{path, op}`. A path is relative to the base or
 * absolute inside it; nothing, `..`, a NUL, what no file can be called and anything outside are refused.
 */
export function parseChange(payload: string, base: string): Change | Refused {
  const said: Change | undefined = payload.startsWith('{')
    ? fromJson(payload)
    : { path: payload, op: 'change' };
  if (!said) return { refused: payload, reason: 'it is not JSON with a path' };
  const inside = confine(said.path, base);
  return 'reason' in inside
    ? { refused: said.path, reason: inside.reason }
    : { path: inside.path, op: said.op, ...(said.quick === true && { quick: true }) };
}

/** What is published for a change. */
export function payloadOf({ path: changed, op, quick }: Change): string {
  return JSON.stringify({ path: changed || '.', op, ...(quick && { quick }) });
}

/** The path relative to the base, `''` for the base itself; or why it is not one. Looks at the text alone. */
export function confine(
  given: string,
  base: string,
): { readonly path: string } | { readonly reason: string } {
  if (given === '') return { reason: 'it is empty' };
  if (given.includes('\0')) return { reason: 'it holds a NUL' };
  // Before anything is done for each of its parts.
  if (Buffer.byteLength(given) > longestPath) return { reason: 'it is longer than a path can be' };
  if (given.split('/').includes('..')) return { reason: 'it climbs with `..`' };
  const relative = path.isAbsolute(given) ? path.relative(base, given) : path.normalize(given);
  if (relative.startsWith('..')) return { reason: 'it lies outside the base' };
  if (relative.split('/').some((part) => Buffer.byteLength(part) > longestName))
    return { reason: 'a name in it is longer than a name can be' };
  return { path: relative === '.' ? '' : relative.replace(/\/+$/, '') };
}

/** Bytes, on Linux and macOS alike. */
const longestPath = 4095;
const longestName = 255;

const json = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    path: v.string(),
    op: v.fallback(v.picklist(['change', 'delete', 'rescan', 'entries']), 'change'),
    quick: v.fallback(v.optional(v.literal(true)), undefined),
  }),
);

function fromJson(payload: string): Change | undefined {
  const { success, output } = v.safeParse(json, payload);
  if (success) return { path: output.path, op: output.op, ...(output.quick && { quick: true }) };
  // Not JSON after all: a file name may begin with a brace.
  return v.is(v.pipe(v.string(), v.parseJson()), payload) ? undefined : { path: payload, op: 'change' };
}

/** `a/b/c` -> `a/b`, `a`, `''`; nothing for the base itself. */
export function ancestorsOf(said: string): string[] {
  if (said === '') return [];
  const parts = said.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/')).reverse();
}

const mostShown = 200;

/** Anybody may publish a path of any length; who reads of it needs its beginning. */
export function cutPath(given: string): string {
  return given.length > mostShown ? `${given.slice(0, mostShown)}…` : given;
}
