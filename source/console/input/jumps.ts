import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, changeSlice, type Store } from '../../store/store.ts';
import { choose, type Listed } from '../../ui/list.ts';

/** Ways to a row of any pane, and back. */
export type Jumps = {
  go(to: Place): void;
  /** Back to where the last jump came from; false when there was none. */
  back(): boolean;
};

export type Place = {
  readonly noun: string;
  /** The row's id; it may have to be read first. */
  readonly row?: string | undefined;
  /** Brings into view what the row is in, such as its channel. */
  readonly show?: (slice: unknown) => unknown;
};

type Origin = { readonly focus: string; readonly isZoomed: boolean; readonly selected: string | undefined };

const mostOrigins = 50;
/** What is gone to may have to be read first, as a channel that was not shown. */
const arriveWithinMs = 5000;

export function makeJumps({
  store,
  features,
}: {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
}): Jumps {
  let origins: readonly Origin[] = [];
  let stopArriving = (): void => {};
  const featureOf = (noun: string): AnyFeature | undefined => features.find((one) => one.noun === noun);

  const chooseNow = ({ noun, list }: AnyFeature, row: string): boolean => {
    let isThere = false;
    changeSlice(store, noun, (slice) => {
      const next = choose(list, slice as Listed, row, Date.now());
      isThere = next !== undefined;
      return next ?? slice;
    });
    return isThere;
  };
  /** Chooses the row now, or once it is there. */
  const arrive = (feature: AnyFeature, row: string): void => {
    if (chooseNow(feature, row)) return;
    const { noun, list } = feature;
    const { focus } = store.getState().screen;
    const until = performance.now() + arriveWithinMs;
    const unsubscribe = store.subscribe((state) => {
      const isOver = performance.now() > until || state.screen.focus !== focus;
      if (!isOver && !list.rows(state.slices[noun]).some((one: unknown) => list.id(one) === row)) return;
      unsubscribe();
      if (!isOver) chooseNow(feature, row);
    });
    stopArriving = unsubscribe;
  };

  return {
    go({ noun, row, show }) {
      stopArriving();
      const feature = featureOf(noun);
      if (!feature) return;
      const { focus, isZoomed } = store.getState().screen;
      const here = store.getState().slices[focus] as Listed | undefined;
      origins = [...origins, { focus, isZoomed, selected: here?.list.selected }].slice(-mostOrigins);
      changeScreen(store, { focus: noun });
      if (show) changeSlice(store, noun, show);
      if (row !== undefined) arrive(feature, row);
    },
    back() {
      const from = origins.at(-1);
      const feature = featureOf(from?.focus ?? '');
      if (!from || !feature) return false;
      origins = origins.slice(0, -1);
      stopArriving();
      const { focus, isZoomed, selected } = from;
      changeScreen(store, { focus, isZoomed });
      if (selected !== undefined) chooseNow(feature, selected);
      return true;
    },
  };
}
