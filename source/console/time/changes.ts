import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import { messageOf, UsageError } from '../../errors.ts';
import { defineCommand, optionalWord } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { OpenNeed } from '../../need.ts';
import type { State } from '../../store/store.ts';
import { formatClockSeconds, formatCount } from '../../ui/format.ts';
import type { List, Listed } from '../../ui/list.ts';
import { durationMs } from '../../values.ts';
import { type Course, placeAt } from './course.ts';
import type { Moment, Reading } from './reading.ts';

/** `:changes 15:00`: what came, went and became something else between then and now, as far as it was read. */
export type Changes = {
  /** Of the reading that now is compared with. */
  readonly sinceMs: number;
  readonly needs: readonly Change[];
  /** Things of the panes, by noun. */
  readonly rows: readonly Change[];
  /** What could not be compared, and why. */
  readonly unknown: readonly string[];
};

export type Change = {
  readonly how: 'came' | 'went' | 'changed' | 'came and went';
  /** Epoch ms: of the first reading in which it was so; of a row not known. */
  readonly atMs: number | undefined;
  readonly noun: string;
  readonly name: string;
  readonly words: string;
};

type Known = Pick<State, 'slices' | 'needs' | 'freshness'>;

/**
 * @param moments those between then and now, oldest first, the one of `then` included
 */
export function changesBetween(
  features: readonly AnyFeature[],
  then: Reading,
  now: Known,
  moments: readonly Moment[],
): Changes {
  const unknown: string[] = [];
  const rows: Change[] = [];
  for (const feature of features) {
    try {
      const reason = whyNot(feature, then, now);
      if (reason === undefined) rows.push(...rowChanges(feature, then, now, unknown));
      else unknown.push(`${feature.noun}: ${reason}`);
    } catch (error) {
      unknown.push(`${feature.noun}: ${messageOf(error)}`);
    }
  }
  return { sinceMs: then.atMs, needs: needChanges(then.needs, now.needs, moments), rows, unknown };
}

function needChanges(
  then: readonly OpenNeed[],
  now: readonly OpenNeed[],
  moments: readonly Moment[],
): readonly Change[] {
  const before = new Map(then.map((need) => [need.id, need]));
  const after = new Map(now.map((need) => [need.id, need]));
  const open = moments.map(({ open: text }) => new Set(text === '' ? [] : text.split('\n').map(idOf)));
  const ids = new Set([...before.keys(), ...after.keys(), ...open.flatMap((each) => [...each])]);
  const changes: Change[] = [];
  for (const id of ids) {
    const [was, is] = [before.get(id), after.get(id)];
    const [feature = ''] = id.split('.', 1);
    const known = is ?? was;
    const noun = known?.feature ?? feature;
    const name = known?.name ?? id.slice(id.indexOf(' ') + 1);
    // The last time it was not open before now, or the last time that it was.
    const cameAt = moments[open.findLastIndex((each) => !each.has(id)) + 1]?.atMs;
    const wentAt = moments[open.findLastIndex((each) => each.has(id)) + 1]?.atMs;
    if (was && is) {
      const words = `${was.severity} ${was.words} → ${is.severity} ${is.words}`;
      if (was.severity !== is.severity || was.words !== is.words)
        changes.push({ how: 'changed', atMs: undefined, noun, name, words });
    } else if (is)
      changes.push({ how: 'came', atMs: cameAt, noun, name, words: `${is.severity} ${is.words}` });
    else if (was)
      changes.push({ how: 'went', atMs: wentAt, noun, name, words: `${was.severity} ${was.words}` });
    else changes.push({ how: 'came and went', atMs: wentAt, noun, name, words: kindOf(id) });
  }
  return changes;
}

/** The id in a line of `openOf`. */
function idOf(line: string): string {
  return v.parse(v.string(), JSON.parse(line.replace(/ (bad|warn) (acked)?$/, '')));
}

/** `noTtl` of `lock.noTtl migrate`: more is not known of what no reading at either end has. */
function kindOf(id: string): string {
  return id.slice(id.indexOf('.') + 1, id.indexOf(' '));
}

/** Why a feature cannot be compared; undefined: it can. */
function whyNot({ noun, feed }: AnyFeature, then: Known, now: Known): string | undefined {
  const [was, is] = [then.freshness[noun]?.name ?? 'waiting', now.freshness[noun]?.name ?? 'waiting'];
  if (was === 'waiting' || was === 'failed') return 'it was not read then';
  if (is === 'waiting' || is === 'failed') return 'it is not read now';
  const subjects = [then, now].map(({ slices }) => plainOf(feed.subject?.(slices[noun])));
  return isDeepStrictEqual(subjects[0], subjects[1]) ? undefined : 'something else of it was shown then';
}

/** As it comes out of a reading. */
function plainOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function rowChanges(
  { noun, list }: AnyFeature,
  then: Known,
  now: Known,
  unknown: string[],
): readonly Change[] {
  // Messages come and go by themselves; what is new in a room it says itself.
  if (list.followsEnd) return [];
  const [was, is] = [then, now].map(({ slices }) => slices[noun] as Listed) as [Listed, Listed];
  const isPart = isOnlyPart(list, was) || isOnlyPart(list, is);
  if (isPart) unknown.push(`${noun}: only a part of it is read, so what came or went of it is not known`);
  const before = new Map(list.rows(was).map((row) => [list.id(row), row]));
  const changes: Change[] = [];
  const change = (how: Change['how'], row: unknown, words: string): void => {
    changes.push({ how, atMs: undefined, noun, name: list.name(row), words });
  };
  for (const row of list.rows(is)) {
    const old = before.get(list.id(row));
    before.delete(list.id(row));
    if (old === undefined) {
      if (!isPart) change('came', row, wordsOf(list, row));
      continue;
    }
    const differences = differencesOf(list, old, row);
    if (differences !== '') change('changed', row, differences);
  }
  if (!isPart) for (const row of before.values()) change('went', row, wordsOf(list, row));
  return changes;
}

// biome-ignore lint/suspicious/noExplicitAny: each feature keeps its own slice and row types
type AnyList = List<any, any>;

function isOnlyPart(list: AnyList, slice: Listed): boolean {
  if (list.part) return list.part(slice) !== undefined;
  const { length } = list.rows(slice);
  return (list.total?.(slice) ?? length) > length;
}

/** What of a row is said in words, such as its state and who has it. Figures move all the time. */
function differencesOf(list: AnyList, was: unknown, is: unknown): string {
  return Object.entries(list.fields)
    .map(([field, value]) => [field, value(was, 0), value(is, 0)] as const)
    .filter(
      ([, before, after]) => before !== after && [before, after].some((each) => typeof each === 'string'),
    )
    .map(([field, before = '–', after = '–']) => `${field} ${before} → ${after}`)
    .join(', ');
}

function wordsOf(list: AnyList, row: unknown): string {
  return Object.entries(list.fields)
    .map(([field, value]) => [field, value(row, 0)] as const)
    .filter(([, value]) => typeof value === 'string' && value !== list.name(row) && value !== '')
    .map(([field, value]) => `${field} ${value}`)
    .join(', ');
}

const clock = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** Epoch ms of `15:00`, the last time it was that, or of `10m` before now. @throws {UsageError} */
function momentIn(text: string, nowMs: number): number {
  const found = clock.exec(text);
  if (found) {
    const [, hours, minutes, seconds = 0] = found;
    const at = new Date(nowMs);
    at.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    if (at.getTime() > nowMs) at.setDate(at.getDate() - 1);
    return at.getTime();
  }
  const duration = v.safeParse(durationMs, text);
  if (duration.success) return nowMs - duration.output;
  throw new UsageError(`Expected a time such as \`15:00\` or a duration such as \`10m\`, got \`${text}\``);
}

export type ChangesOptions = {
  readonly features: readonly AnyFeature[];
  readonly course: Course;
  readonly live: { getState(): State };
  /** The moment that is shown, where it is another one than now. */
  readonly shownMs: () => number | undefined;
};

const usualMs = 15 * 60_000;
/** Of one kind; how many more there are is said. */
const mostOfKind = 100;

export function changesCommand({ features, course, live, shownMs }: ChangesOptions): AnyCommand {
  return defineCommand({
    verb: 'changes',
    summary:
      'what came, went and changed since then: `:changes 15:00`, `:changes 10m`; frozen: since what is shown',
    words: { since: optionalWord('SINCE', 'a time or a duration; 15m unless frozen', v.string()) },
    writes: false,
    offline: true,
    async run(_, { since }) {
      const nowMs = Date.now();
      const atMs = since === undefined ? (shownMs() ?? nowMs - usualMs) : momentIn(since, nowMs);
      const moments = course.moments();
      const place = Math.max(0, placeAt(moments, atMs));
      const moment = moments[place];
      const then = moment && course.reading(moment);
      if (!moment || !then) throw new UsageError('Nothing was read yet that now could be compared with');
      const changes = changesBetween(features, then, live.getState(), moments.slice(place));
      const isShort = moment.atMs > atMs;
      return {
        json: { ...changes, wantedMs: atMs },
        text: textOf(changes, isShort ? atMs : undefined, nowMs),
      };
    },
  });
}

function textOf(
  { sinceMs, needs, rows, unknown }: Changes,
  wantedMs: number | undefined,
  nowMs: number,
): string[] {
  const span = `${formatClockSeconds(sinceMs)} and ${formatClockSeconds(nowMs)}`;
  const reach =
    wantedMs === undefined
      ? []
      : [`What was before ${formatClockSeconds(sinceMs)} is not known: that is the oldest reading`];
  return [
    `Between ${span}:`,
    ...reach,
    ...section('What needs you', needs),
    ...section('In the panes', rows),
    ...(unknown.length === 0 ? [] : ['', 'Not known:', ...unknown.map((text) => `  ${text}`)]),
  ];
}

function section(title: string, changes: readonly Change[]): string[] {
  if (changes.length === 0) return ['', `${title}: no change`];
  const lines = (['came', 'went', 'came and went', 'changed'] as const).flatMap((how) => {
    const own = changes.filter((change) => change.how === how);
    const more = own.length - mostOfKind;
    return [
      ...own.slice(0, mostOfKind).map(lineOf),
      ...(more > 0 ? [`  ${how.padEnd(13)}  and ${formatCount(more)} more`] : []),
    ];
  });
  return ['', `${title}:`, ...lines];
}

function lineOf({ how, atMs, noun, name, words }: Change): string {
  const at = atMs === undefined ? '' : formatClockSeconds(atMs);
  return `  ${how.padEnd(13)}  ${at.padEnd(8)}  ${noun} ${name}${words === '' ? '' : `  ${words}`}`.trimEnd();
}
