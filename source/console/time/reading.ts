import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import type { OpenNeed } from '../../need.ts';
import type { Freshness, State } from '../../store/store.ts';
import { safeJson } from '../../ui/text.ts';

/**
 * What the console knew at one moment, as lines of JSON: in the ring of the last hour and in recordings alike.
 *
 * A line holds what changed since the line before; a whole one holds everything, so that reading may begin there. What
 * is typed, asked and answered in the console is in none of them. Numbers that JSON has no words for are `null`.
 */
export type Reading = Pick<
  State,
  'connection' | 'server' | 'ownCommandsPerSecond' | 'freshness' | 'slices' | 'needs'
> & {
  /** Epoch ms. */
  readonly atMs: number;
};

/** A line and what tells it apart from others without reading it again. */
export type Line = Moment & { readonly isWhole: boolean; readonly text: string };

export type Moment = {
  /** Epoch ms. */
  readonly atMs: number;
  /** What somebody noted at that moment. */
  readonly note: string | undefined;
  /** The ids of what needed a human, joined: the same as long as nothing began or ended. */
  readonly open: string;
};

const ms = v.pipe(v.number(), v.finite());
const connection = v.looseObject({
  name: v.picklist(['connecting', 'live', 'lost']),
  sinceMs: ms,
  attempt: v.number(),
  url: v.string(),
  kind: v.string(),
  servers: v.exactOptional(v.number()),
  silentSinceMs: v.exactOptional(ms),
  nextRetryAtMs: v.exactOptional(ms),
  error: v.exactOptional(v.string()),
});
const server = v.looseObject({
  program: v.exactOptional(v.string()),
  version: v.string(),
  role: v.string(),
  usedBytes: v.optional(v.number()),
  maxBytes: v.optional(v.number()),
  commandsPerSecond: v.optional(v.number()),
});
const freshness = v.object({
  name: v.picklist(['waiting', 'fresh', 'stale', 'failed']),
  learnedAtMs: v.exactOptional(ms),
  error: v.exactOptional(v.string()),
});
const severity = v.picklist(['bad', 'warn']);
const figure = v.optional(v.number());
const ack = v.object({
  by: v.string(),
  note: v.string(),
  atMs: ms,
  untilMs: ms,
  severity,
  figure,
});
const need = v.object({
  id: v.string(),
  feature: v.string(),
  kind: v.string(),
  name: v.string(),
  severity,
  words: v.string(),
  figure,
  sinceMs: v.optional(ms),
  row: v.optional(v.string()),
  place: v.optional(v.string()),
  ack: v.optional(ack),
});
const nouns = v.pipe(v.string(), v.regex(/^\w{1,60}$/));
/** A slice, whose shape only its feature knows. */
const slice = v.looseObject({ list: v.looseObject({}) });

const line = v.object({
  at: ms,
  whole: v.optional(v.boolean(), false),
  note: v.optional(v.string()),
  connection: v.optional(connection),
  server: v.nullish(server),
  own: v.optional(v.number(), 0),
  freshness: v.optional(v.record(nouns, freshness), {}),
  needs: v.optional(v.array(need)),
  slices: v.optional(v.record(nouns, slice), {}),
});
export type ReadLine = v.InferOutput<typeof line>;

/** A line of a recording that is none of ours; its message tells where in it. */
export class LineError extends Error {}

/** @throws {LineError} */
export function parseReading(text: string): ReadLine {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new LineError('it is no JSON');
  }
  const result = v.safeParse(line, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new LineError(`${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
}

/** The reading after this line, which builds on the one before it; undefined when it needs one that there is not. */
export function readingAfter(before: Reading | undefined, read: ReadLine): Reading | undefined {
  const base = read.whole ? undefined : before;
  const known = read.connection ?? base?.connection;
  if (!known || (!read.whole && !base)) return;
  const freshnessNow: Readonly<Record<string, Freshness>> = { ...base?.freshness, ...read.freshness };
  return {
    atMs: read.at,
    connection: known,
    // Not in the line: as before. Null: unknown.
    server: read.server === undefined ? base?.server : (read.server ?? undefined),
    ownCommandsPerSecond: read.own,
    freshness: freshnessNow,
    slices: { ...base?.slices, ...read.slices },
    needs:
      read.needs?.map((one): OpenNeed => ({ ...one, sinceMs: one.sinceMs, ack: one.ack })) ??
      base?.needs ??
      [],
  };
}

export function momentOf({ at, note }: ReadLine, { needs }: Pick<Reading, 'needs'>): Moment {
  return { atMs: at, note, open: openOf(needs) };
}

/** A line for each need: its id in JSON, as a name may hold a line end, its severity, and whether somebody is on it. */
export function openOf(needs: readonly OpenNeed[]): string {
  return needs
    .map(({ id, severity: how, ack: on }) => `${JSON.stringify(id)} ${how} ${on ? 'acked' : ''}`)
    .sort()
    .join('\n');
}

/** Whether what the console knows has changed in a way that is worth a line. */
export function isNews(state: State, before: State | undefined): boolean {
  if (!before || state.slices !== before.slices || state.needs !== before.needs) return true;
  if (state.connection !== before.connection) return true;
  if (state.server !== before.server && !isDeepStrictEqual(state.server, before.server)) return true;
  if (state.freshness === before.freshness) return false;
  return Object.entries(state.freshness).some(([noun, { name }]) => name !== before.freshness[noun]?.name);
}

export type LineParts = {
  readonly atMs: number;
  readonly note?: string | undefined;
  /** The state of the line before; undefined: this one is whole. */
  readonly before: State | undefined;
  /** Does what is left in between two slices, which may be large. */
  readonly turn: () => Promise<unknown>;
};

/** The line for this state, and how many ms making it took by itself. */
export async function lineOf(
  state: State,
  { atMs, note, before, turn }: LineParts,
): Promise<{ readonly line: Line; readonly costMs: number }> {
  let costMs = 0;
  const asJson = (value: unknown): string => {
    const startMs = performance.now();
    const text = safeJson(value);
    costMs += performance.now() - startMs;
    return text;
  };
  const parts = [`"at":${atMs}`];
  if (!before) parts.push('"whole":true');
  if (note !== undefined) parts.push(`"note":${asJson(note)}`);
  if (state.connection !== before?.connection) parts.push(`"connection":${asJson(state.connection)}`);
  if (state.server !== before?.server) parts.push(`"server":${asJson(state.server ?? null)}`);
  parts.push(`"own":${Math.round(state.ownCommandsPerSecond * 10) / 10}`);
  if (state.freshness !== before?.freshness) parts.push(`"freshness":${asJson(state.freshness)}`);
  if (state.needs !== before?.needs) parts.push(`"needs":${asJson(state.needs)}`);
  const slices: string[] = [];
  for (const [noun, known] of Object.entries(state.slices)) {
    if (known === before?.slices[noun]) continue;
    slices.push(`${asJson(noun)}:${asJson(known)}`);
    await turn();
  }
  if (slices.length > 0) parts.push(`"slices":{${slices.join(',')}}`);
  const line = {
    atMs,
    note,
    open: openOf(state.needs),
    isWhole: !before,
    text: `{${parts.join(',')}}`,
  };
  return { line, costMs };
}
