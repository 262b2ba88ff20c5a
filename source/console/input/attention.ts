import type { Attention } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { changeSlice, type Store } from '../../store/store.ts';
import type { CommandRunner } from './command-runner.ts';

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
  readonly runner: CommandRunner;
  readonly readOnly: () => boolean;
  /** What is on the screen, which may be older than what the store knows. */
  readonly shown: Pick<Store, 'getState'>;
  /** The cells a pane has there. */
  readonly sizeOf: (noun: string) => { readonly columns: number; readonly rows: number };
};

const beatMs = 20_000;

export function watchAttention({ store, features, runner, readOnly, shown, sizeOf }: WatchOptions): Watch {
  const telling = new Set<string>();
  /** What was marked last: the slice learns of it only with its next reading. */
  const marked = new Map<string, string>();
  let looked: string | undefined;

  const attentionOf = (noun: string | undefined): Attention<unknown> | undefined =>
    features.find((feature) => feature.noun === noun)?.attention;

  const tell = async (noun: string, attention: Attention<unknown>): Promise<void> => {
    if (telling.has(noun) || readOnly()) return;
    telling.add(noun);
    try {
      for (;;) {
        const act = attention.tell(store.getState().slices[noun]);
        // Done, and known to be done: the same may have to be marked again another time.
        if (!act) marked.delete(noun);
        const words = JSON.stringify(act);
        if (!act || marked.get(noun) === words) return;
        const path = `${noun} ${act.verb}`;
        if (runner.refusal(path) !== undefined || !(await runner.runQuietly(path, act.input))) return;
        marked.set(noun, words);
      }
    } finally {
      telling.delete(noun);
    }
  };

  let beaten = { words: '', atMs: Number.NEGATIVE_INFINITY };
  /** Says that somebody looks: at once when that is new, and then from time to time. */
  const beat = (): void => {
    const { screen, slices, past, connection } = store.getState();
    const act = past || readOnly() ? undefined : attentionOf(looked)?.beat?.(slices[looked ?? '']);
    if (!act || screen.guide || connection.name !== 'live') return;
    const words = JSON.stringify(act);
    const nowMs = performance.now();
    if (words === beaten.words && nowMs - beaten.atMs < beatMs - 1000) return;
    const path = `${looked} ${act.verb}`;
    if (runner.refusal(path) !== undefined) return;
    beaten = { words, atMs: nowMs };
    void runner.runQuietly(path, act.input);
  };
  const beating = setInterval(beat, beatMs).unref();

  const turnAway = (noun: string | undefined): void => {
    const attention = attentionOf(noun);
    if (noun !== undefined && attention) changeSlice(store, noun, (slice) => attention.away(slice));
  };

  return {
    painted() {
      const { screen, slices, past } = shown.getState();
      // Looking at what was is no looking at what is.
      if (past || store.getState().past) return;
      const { focus, mode } = screen;
      if (looked !== focus) turnAway(looked);
      looked = focus;
      const attention = attentionOf(focus);
      // Help and printed text lie over the panes.
      if (!attention || mode.name === 'help' || mode.name === 'output') return;
      changeSlice(store, focus, (slice) => attention.seen(slice, slices[focus], sizeOf(focus)));
      void tell(focus, attention);
      beat();
    },
    left() {
      clearInterval(beating);
      turnAway(looked);
    },
  };
}
