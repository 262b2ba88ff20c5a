import { isDeepStrictEqual } from 'node:util';
import type { AnyFeature } from '../features/index.ts';
import { changeScreen, isFreshnessAlike, type Screen, type State, type Store } from '../store/store.ts';
import { frameCells } from '../ui/frame-cells.ts';
import { arrange, type Listed } from '../ui/list.ts';

/**
 * Which panes have nothing in them, and how many lines the others would fill. Nothing moves while something is typed or
 * asked, and a pane that had something once keeps its place for a while.
 */

/** What is gone may come back, as a lock that is taken each second. */
const keptMs = 60_000;
const headingRows = 1;
const togetherMs = 200;

export function watchPanes(store: Store, features: readonly AnyFeature[]): () => void {
  /** When each pane last had something in it. */
  const filledAtMs = new Map<string, number>();
  let isFirst = true;
  let lookedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const look = (): void => {
    const state = store.getState();
    if (state.screen.mode.name !== 'browse') return;
    const nowMs = performance.now();
    lookedAtMs = nowMs;
    const empty: string[] = [];
    const wants: Record<string, number> = {};
    for (const feature of features) {
      const { noun } = feature;
      const isRead = state.freshness[noun]?.name !== 'waiting';
      const isFilled = hasSomething(state, feature);
      // What was not read yet has its place, but did not have something.
      if (isFilled && isRead) filledAtMs.set(noun, nowMs);
      const isKept = nowMs - (filledAtMs.get(noun) ?? Number.NEGATIVE_INFINITY) < keptMs;
      if (!isFilled && !isKept) empty.push(noun);
      wants[noun] = Math.max(linesOf(state, feature), isKept ? (state.screen.wants[noun] ?? 0) : 0);
    }
    const isRead = Object.values(state.freshness).every(({ name }) => name !== 'waiting');
    if (isFirst && isRead) {
      isFirst = false;
      const first = firstFilled(state, features, empty);
      if (first !== undefined) changeScreen(store, { focus: first });
    }
    const { screen } = store.getState();
    if (!isDeepStrictEqual(screen.empty, empty) || !isDeepStrictEqual(screen.wants, wants)) {
      changeScreen(store, { empty, wants });
    }
  };
  look();
  // Data that comes faster is looked at together.
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      look();
    }, togetherMs);
  };
  /** What had something once gives its place up some time after. */
  const isDue = (): boolean =>
    [...filledAtMs.values()].some((atMs) => atMs > lookedAtMs - keptMs && performance.now() - atMs >= keptMs);
  const unsubscribe = store.subscribe((state, before) => {
    const isNews =
      state.slices !== before.slices || !isFreshnessAlike(state.freshness, before.freshness) || isDue();
    if (isNews || state.screen.mode !== before.screen.mode) soon();
  });
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

/** The same for what is read but once: which panes have nothing in them, how many lines the others would fill. */
export function panesOf(state: State, features: readonly AnyFeature[]): Pick<Screen, 'empty' | 'wants'> {
  return {
    empty: features.filter((feature) => !hasSomething(state, feature)).map(({ noun }) => noun),
    wants: Object.fromEntries(features.map((feature) => [feature.noun, linesOf(state, feature)])),
  };
}

/** What was not read yet, could not be read, or needs somebody is not empty; what is stale is as it was last. */
function hasSomething({ freshness, slices, marks }: State, feature: AnyFeature): boolean {
  const { noun, list, isEmpty } = feature;
  const { name = 'waiting' } = freshness[noun] ?? {};
  if (name === 'waiting' || name === 'failed' || marks[noun]) return true;
  const slice = slices[noun];
  return isEmpty ? !isEmpty(slice) : list.rows(slice).length > 0;
}

/** Where to begin when the pane that comes first has nothing in it; of servers there are always some. */
export function firstFilled(
  { screen }: State,
  features: readonly AnyFeature[],
  empty: readonly string[],
): string | undefined {
  if (!empty.includes(screen.focus)) return;
  return features.find(({ noun }) => !empty.includes(noun) && noun !== 'shards')?.noun;
}

/** Lines of the list with its heading, and of the frame. */
function linesOf({ slices }: State, { noun, list }: AnyFeature): number {
  const { rows } = arrange(list, slices[noun] as Listed, Date.now());
  return rows.length + headingRows + frameCells.rows;
}
