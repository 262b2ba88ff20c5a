import type { Attention } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';
import { changeSlice, type Store } from '../store/store.ts';
import type { Performer } from './perform.ts';

/** What follows from the operator looking at a pane: a feature learns what was seen, and may tell Redis. */
export type Watch = {
  /** A frame was handed to the terminal. */
  painted(): void;
  /** The operator leaves. */
  left(): void;
};

export type WatchOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly performer: Performer;
  readonly readOnly: boolean;
  readonly sizeOf: (noun: string) => { readonly columns: number; readonly rows: number };
};

export function watchAttention({ store, features, performer, readOnly, sizeOf }: WatchOptions): Watch {
  const telling = new Set<string>();
  let looked: string | undefined;

  const attentionOf = (noun: string | undefined): Attention<unknown> | undefined =>
    features.find((feature) => feature.noun === noun)?.attention;

  const tell = async (noun: string, attention: Attention<unknown>): Promise<void> => {
    if (telling.has(noun) || readOnly) return;
    telling.add(noun);
    try {
      for (;;) {
        const act = attention.tell(store.getState().slices[noun]);
        if (!act) return;
        const path = `${noun} ${act.verb}`;
        if (performer.refusal(path) !== undefined || !(await performer.runQuietly(path, act.input))) return;
      }
    } finally {
      telling.delete(noun);
    }
  };

  const turnAway = (noun: string | undefined): void => {
    const attention = attentionOf(noun);
    if (noun !== undefined && attention) changeSlice(store, noun, (slice) => attention.away(slice));
  };

  return {
    painted() {
      const { focus, mode } = store.getState().screen;
      if (looked !== focus) turnAway(looked);
      looked = focus;
      const attention = attentionOf(focus);
      // Help and printed text lie over the panes.
      if (!attention || mode.name === 'help' || mode.name === 'output') return;
      changeSlice(store, focus, (slice) => attention.seen(slice, sizeOf(focus)));
      void tell(focus, attention);
    },
    left: () => turnAway(looked),
  };
}
