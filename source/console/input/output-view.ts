import type { Text } from '../../features/feature.ts';
import { changeScreen, type Mode, type Store } from '../../store/store.ts';
import { safeLines } from '../../ui/text.ts';

/** Where a command of the palette prints: lines over the panes, which scroll and can be left. */
export type View = {
  /** Resolves at once, or after the next painting when much is waiting for it. */
  print(text: Text, from?: number): Promise<void>;
  isOpen(): boolean;
  /** `next`: what Enter begins from here on. */
  end(next?: Next): void;
};

type Next = Extract<Mode, { name: 'output' }>['next'];

export type ViewOptions = {
  readonly store: Store;
  readonly title: string;
  readonly signal: AbortSignal;
  /** Opens when the command has printed nothing for so long, so that it can be seen to run, and stopped. */
  readonly openAfterMs?: number | undefined;
  readonly onOpen: () => void;
};

const keptLines = 1000;
const longestBacklog = 200;
const retryMs = 100;

/**
 * The view opens with the first line printed or after a while, but never over somebody who is typing, and keeps
 * the last `keptLines`.
 */
export function openView({ store, title, signal, openAfterMs, onOpen }: ViewOptions): View {
  let backlog: string[] = [];
  let lines: readonly string[] = [];
  let flushed = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  let isOpen = false;
  let isRunning = true;
  let start: number | undefined;
  let next: Next;

  const flush = (): void => {
    timer = undefined;
    const { mode } = store.getState().screen;
    if (!isOpen && mode.name !== 'browse' && !signal.aborted) {
      timer = setTimeout(flush, retryMs);
      return;
    }
    lines = [...lines, ...backlog].slice(-keptLines);
    backlog = [];
    flushed.resolve();
    flushed = Promise.withResolvers();
    if (signal.aborted || (isOpen && mode.name !== 'output')) return;
    const scroll = mode.name === 'output' ? mode.scroll : start;
    if (!isOpen) onOpen();
    isOpen = true;
    changeScreen(store, { mode: { name: 'output', title, lines, scroll, isRunning, next } });
  };
  const timeout = openAfterMs === undefined ? undefined : setTimeout(flush, openAfterMs);

  return {
    print(text, from) {
      if (signal.aborted) return Promise.resolve();
      clearTimeout(timeout);
      if (backlog.length === 0) start = from;
      backlog.push(...safeLines(text));
      timer ??= setTimeout(flush, isOpen ? 50 : 0);
      return backlog.length < longestBacklog ? Promise.resolve() : flushed.promise;
    },
    isOpen: () => isOpen || backlog.length > 0,
    end(following) {
      isRunning = false;
      next = following;
      clearTimeout(timeout);
      clearTimeout(timer);
      if (isOpen || backlog.length > 0) flush();
      // Opened to show that it ran, and there was nothing else to show.
      if (isOpen && lines.length === 0 && !signal.aborted) changeScreen(store, { mode: { name: 'browse' } });
    },
  };
}
