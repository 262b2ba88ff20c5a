import type { AnyFeature } from '../../features/index.ts';
import { changeSlice, type Store } from '../../store/store.ts';
import {
  back,
  changeList,
  hold,
  type Listed,
  markShown,
  moveBy,
  openDetails,
  orderByNext,
  release,
  reverse,
  toggleMark,
} from '../../ui/list.ts';
import type { ListKey } from './keymap.ts';

/** What the keys of every list do, whichever feature's it is. */
export type ListControl = {
  press(feature: AnyFeature, name: Exclude<ListKey, 'filter' | 'columns'>): void;
  /** Takes back one thing; false when there was none. */
  back(feature: AnyFeature): boolean;
  filter(feature: AnyFeature, text: string): void;
  /** Rows keep their places for as long as a question about them stands. */
  holdFor(noun: string): void;
  releaseSoon(noun: string): void;
  stop(): void;
};

export type ListControlOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly sizeOf: (noun: string) => { readonly columns: number; readonly rows: number };
};

/** How long after a cursor key rows keep their places. */
const heldMs = 3000;

export function makeListControl({ store, features, sizeOf }: ListControlOptions): ListControl {
  const timers = new Map<string, NodeJS.Timeout>();
  const change = (noun: string, next: (slice: Listed) => Listed): void =>
    // The console knows of every slice that it has a list.
    changeSlice(store, noun, (slice) => next(slice as Listed));

  const releaseSoon = (noun: string): void => {
    clearTimeout(timers.get(noun));
    const timer = setTimeout(() => {
      // As long as a question stands about it, the list holds still.
      const { mode } = store.getState().screen;
      if (mode.name === 'confirm' || (mode.name === 'output' && mode.over)) releaseSoon(noun);
      else change(noun, release);
    }, heldMs);
    timers.set(noun, timer.unref());
  };

  return {
    press({ noun, list }, name) {
      const nowMs = Date.now();
      const { rows } = sizeOf(noun);
      const page = Math.max(1, rows - 3);
      const isFull = (slice: Listed): boolean => slice.list.details === 'full';
      const move = (by: number) => (slice: Listed) => moveBy(list, slice, by, nowMs);
      const scroll = (by: number) => (slice: Listed) =>
        changeList(slice, { scroll: Math.max(0, slice.list.scroll + by) });
      const acts: Readonly<Record<typeof name, (slice: Listed) => Listed>> = {
        up: move(-1),
        down: move(1),
        // Of details that fill the pane there may be more than one screen.
        pageUp: (slice) => (isFull(slice) ? scroll(-page) : move(-page))(slice),
        pageDown: (slice) => (isFull(slice) ? scroll(page) : move(page))(slice),
        first: move(Number.NEGATIVE_INFINITY),
        last: move(Number.POSITIVE_INFINITY),
        details: (slice) => openDetails(list, slice, nowMs),
        nextOrder: (slice) => orderByNext(list, slice, Object.keys(list.fields), 1, nowMs),
        previousOrder: (slice) => orderByNext(list, slice, Object.keys(list.fields), -1, nowMs),
        reverse,
        mark: (slice) => toggleMark(list, slice, nowMs),
        markDown: (slice) => toggleMark(list, slice, nowMs),
        markAll: (slice) => markShown(list, slice, nowMs),
      };
      change(noun, acts[name]);
      releaseSoon(noun);
    },
    back({ noun }) {
      const before = store.getState().slices[noun];
      change(noun, back);
      return store.getState().slices[noun] !== before;
    },
    filter({ noun }, filter) {
      change(noun, (slice) => release(changeList(slice, { filter })));
    },
    holdFor(noun) {
      const feature = features.find((one) => one.noun === noun);
      // A command of the console itself, such as `unlock`, is about no list.
      if (!feature) return;
      change(noun, (slice) => hold(feature.list, slice, Date.now()));
      releaseSoon(noun);
    },
    releaseSoon,
    stop() {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
