import { setImmediate as turn } from 'node:timers/promises';
import type { State, Store } from '../../store/store.ts';
import { isNews, type Line, lineOf } from './reading.ts';

/**
 * Looks at what the console knows whenever that has changed, at most twice a second, and hands on a line of it. What a
 * look costs decides how soon the next one comes: with very much to keep, fewer readings are kept.
 */
export type Sampler = {
  /** Takes a note at this moment, in a line of its own. */
  note(text: string): Promise<void>;
  /** Each line goes there, from a whole one on; returns what ends that. */
  to(sink: Sink): () => void;
  /** Takes the last look. */
  stop(): Promise<void>;
};

/** Returns whether the next line has to be a whole one. */
export type Sink = (line: Line) => boolean;

const everyMs = 500;
const wholeEveryMs = 60_000;
/** Of all time, looking may take so much: a fiftieth. */
const costFactor = 50;

export function startSampler(store: Store): Sampler {
  const sinks = new Set<Sink>();
  let before: State | undefined;
  let wholeAtMs = Number.NEGATIVE_INFINITY;
  // The first frame comes first.
  let dueAtMs = performance.now() + everyMs;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let isStopped = false;

  const look = async (note?: string): Promise<void> => {
    timer = undefined;
    const state = store.getState();
    if (note === undefined && !isNews(state, before)) return;
    const startMs = performance.now();
    const isWhole = !before || startMs - wholeAtMs >= wholeEveryMs;
    const { line, costMs } = await lineOf(state, {
      atMs: Date.now(),
      note,
      before: isWhole ? undefined : before,
      turn,
    });
    if (isWhole) wholeAtMs = startMs;
    before = state;
    dueAtMs = startMs + Math.max(everyMs, costMs * costFactor);
    for (const sink of sinks) if (sink(line)) wholeAtMs = Number.NEGATIVE_INFINITY;
  };
  /** One look at a time, each building on the one before. */
  const queue = (note?: string): Promise<void> => {
    looking = looking.then(async () => {
      await look(note);
      if (!isStopped && isNews(store.getState(), before)) soon();
    });
    return looking;
  };
  const soon = (): void => {
    if (timer || isStopped) return;
    timer = setTimeout(() => void queue(), Math.max(0, dueAtMs - performance.now()));
  };
  const unsubscribe = store.subscribe((state) => {
    if (!timer && sinks.size > 0 && isNews(state, before)) soon();
  });

  return {
    note: queue,
    to(sink) {
      sinks.add(sink);
      // What begins now can build on nothing.
      wholeAtMs = Number.NEGATIVE_INFINITY;
      before = undefined;
      soon();
      return () => sinks.delete(sink);
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      unsubscribe();
      clearTimeout(timer);
      await queue();
    },
  };
}
