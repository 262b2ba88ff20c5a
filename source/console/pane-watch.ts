import { isDeepStrictEqual } from 'node:util';
import type { AnyFeature } from '../features/index.ts';
import { changeScreen, isFreshnessAlike, type Screen, type State, type Store } from '../store/store.ts';
import { frameCells } from '../ui/frame-cells.ts';
import { arrange, type Listed } from '../ui/list.ts';
import { panesOf as nounsOf } from './view/views.ts';

/**
 * Which panes have nothing in them, and how many lines the others would fill. Nothing moves while something is typed or
 * asked, and a pane that had something once keeps its place for a while.
 */

/** What is gone may come back, as a lock that is taken each second. */
const keptMs = 60_000;
const headingRows = 1;
const togetherMs = 200;
/** How often it is looked whether a pane gives its place up. */
const betweenLooksMs = 5000;
/** A server that has not answered for so long is not merely far away. */
const patientMs = 1500;

export type PaneWatchOptions = {
  /** For how long nobody has pressed a key. */
  readonly untouchedMs: () => number;
};

export function watchPanes(
  store: Store,
  features: readonly AnyFeature[],
  { untouchedMs }: PaneWatchOptions,
): () => void {
  /** When each pane last had something in it. */
  const filledAtMs = new Map<string, number>();
  const begunAt = store.getState().screen.focus;
  let untouchedFromMs = performance.now();
  let isFirst = true;
  let lookedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let reaching: NodeJS.Timeout | undefined;

  const look = (): void => {
    const state = store.getState();
    if (state.screen.mode.name !== 'browse') return;
    const nowMs = performance.now();
    lookedAtMs = nowMs;
    const { focus, guide } = state.screen;
    // What was pressed while there was no pane chose none.
    if (guide === 'unreached') untouchedFromMs = nowMs;
    const { wants, ...found } = panesOf(state, features);
    const empty: string[] = [];
    for (const feature of features) {
      const { noun } = feature;
      const isFilled = !found.empty.includes(noun);
      // What was not read yet, or could not be, has its place, but did not have something.
      const { name = 'waiting' } = state.freshness[noun] ?? {};
      if (name !== 'waiting' && name !== 'failed' && holdsRows(state, feature)) filledAtMs.set(noun, nowMs);
      const sinceMs = nowMs - (filledAtMs.get(noun) ?? Number.NEGATIVE_INFINITY);
      // What emptied under somebody's eyes does not go while they are at it.
      const isKept = sinceMs < keptMs || (noun === focus && sinceMs < Infinity && untouchedMs() < keptMs);
      if (!isFilled && !isKept) empty.push(noun);
      wants[noun] = Math.max(wants[noun] ?? 0, isKept ? (state.screen.wants[noun] ?? 0) : 0);
    }
    const isRead = Object.values(state.freshness).every(({ name }) => name !== 'waiting');
    // Where somebody went stays where they are, be there nothing.
    const isUntouched = focus === begunAt && untouchedMs() >= nowMs - untouchedFromMs;
    const hasEmptied = empty.includes(focus) && filledAtMs.has(focus) && !state.screen.empty.includes(focus);
    if (isRead && ((isFirst && isUntouched) || hasEmptied)) {
      const first = firstFilled(state, features, empty);
      if (first !== undefined) changeScreen(store, { focus: first });
    }
    if (isRead && state.freshness[focus]?.learnedAtMs !== undefined) isFirst = false;
    const next = { empty, wants, emptySinceMs: found.emptySinceMs, guide: guideOf(state, features, empty) };
    const { screen } = store.getState();
    const isSame = isDeepStrictEqual(
      { empty: screen.empty, wants: screen.wants, emptySinceMs: screen.emptySinceMs, guide: screen.guide },
      next,
    );
    if (!isSame) changeScreen(store, next);
  };
  look();
  // Data that comes faster is looked at together.
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      look();
    }, togetherMs);
  };
  if (isConnecting(store.getState())) reaching = setTimeout(soon, patientMs);
  /** What had something once gives its place up some time after. */
  const isDue = (): boolean => {
    const { empty } = store.getState().screen;
    return [...filledAtMs].some(
      ([noun, atMs]) =>
        !empty.includes(noun) &&
        performance.now() - atMs >= keptMs &&
        performance.now() - lookedAtMs >= betweenLooksMs,
    );
  };
  const unsubscribe = store.subscribe((state, before) => {
    const isNews =
      state.slices !== before.slices ||
      state.connection !== before.connection ||
      !isFreshnessAlike(state.freshness, before.freshness) ||
      isDue();
    if (isNews || state.screen.mode !== before.screen.mode || state.screen.focus !== before.screen.focus)
      soon();
  });
  return () => {
    clearTimeout(timer);
    clearTimeout(reaching);
    unsubscribe();
  };
}

type Panes = {
  readonly empty: readonly string[];
  readonly emptySinceMs: Readonly<Record<string, number>>;
  readonly wants: Record<string, number>;
};

/** Which panes have nothing in them and since when, and how many lines the others would fill. */
function panesOf(state: State, features: readonly AnyFeature[]): Panes {
  const empty = features.filter((feature) => !hasSomething(state, feature)).map(({ noun }) => noun);
  const since = (noun: string): number =>
    state.screen.emptySinceMs[noun] ?? state.freshness[noun]?.learnedAtMs ?? Date.now();
  return {
    empty,
    emptySinceMs: Object.fromEntries(empty.map((noun) => [noun, since(noun)])),
    wants: Object.fromEntries(features.map((feature) => [feature.noun, linesOf(state, feature)])),
  };
}

/** The same for what is read but once, and what has the focus. */
export function screenOf(
  state: State,
  features: readonly AnyFeature[],
): Pick<Screen, keyof Panes | 'guide' | 'focus'> {
  const panes = panesOf(state, features);
  const { focus } = state.screen;
  return {
    ...panes,
    guide: guideOf(state, features, panes.empty),
    focus: firstFilled(state, features, panes.empty) ?? focus,
  };
}

/** What was not read yet, could not be read, or needs somebody is not empty; what is stale is as it was last. */
function hasSomething(state: State, feature: AnyFeature): boolean {
  const { freshness, marks } = state;
  const { name = 'waiting' } = freshness[feature.noun] ?? {};
  if (name === 'waiting' || name === 'failed' || marks[feature.noun]) return true;
  return holdsRows(state, feature);
}

function holdsRows({ slices }: State, { noun, list, isEmpty }: AnyFeature): boolean {
  const slice = slices[noun];
  return isEmpty ? !isEmpty(slice) : list.rows(slice).length > 0;
}

/** Where to begin when the pane that comes first has nothing in it: where there is something, servers last. */
function firstFilled(
  { screen }: State,
  features: readonly AnyFeature[],
  empty: readonly string[],
): string | undefined {
  if (!empty.includes(screen.focus)) return;
  const wanted = nounsOf(screen.view.arrangement);
  const filled = features.filter(
    ({ noun }) => !empty.includes(noun) && (wanted.length === 0 || wanted.includes(noun)),
  );
  return (filled.find(({ nothing }) => nothing !== undefined) ?? filled[0])?.noun;
}

function guideOf(state: State, features: readonly AnyFeature[], empty: readonly string[]): Screen['guide'] {
  const { connection, freshness, screen } = state;
  const mayBeEmpty = features.filter(({ nothing }) => nothing !== undefined);
  // Of the servers themselves it is known that they do not answer.
  const isUnread = mayBeEmpty.every(({ noun }) => freshness[noun]?.learnedAtMs === undefined);
  if (isConnecting(state) && isUnread) {
    const isSlow = Date.now() - connection.sinceMs >= patientMs;
    return connection.error !== undefined || isSlow ? 'unreached' : undefined;
  }
  if (nounsOf(screen.view.arrangement).length > 0) return;
  const isUnused =
    mayBeEmpty.length > 0 &&
    mayBeEmpty.length < features.length &&
    mayBeEmpty.every(({ noun }) => empty.includes(noun));
  return isUnused ? 'unused' : undefined;
}

function isConnecting({ connection }: Pick<State, 'connection'>): boolean {
  return connection.name === 'connecting';
}

/** Lines of the list with its heading, and of the frame. */
function linesOf({ slices }: State, { noun, list }: AnyFeature): number {
  const { rows } = arrange(list, slices[noun] as Listed, Date.now());
  return rows.length + headingRows + frameCells.rows;
}
