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

type Found = Extract<Mode, { name: 'output' }>['found'];

/** What was found goes up with the lines, and out with those that are dropped. */
function movedUp(found: Found, lines: number): Found {
  if (found?.at === undefined) return found;
  return { ...found, at: found.at < lines ? undefined : found.at - lines };
}

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
    const dropped = Math.max(0, lines.length + backlog.length - keptLines);
    lines = [...lines, ...backlog].slice(-keptLines);
    backlog = [];
    flushed.resolve();
    flushed = Promise.withResolvers();
    if (signal.aborted || (isOpen && mode.name !== 'output')) return;
    const now = mode.name === 'output' ? mode : undefined;
    const scroll = now ? now.scroll : start;
    if (!isOpen) onOpen();
    isOpen = true;
    const looking = now && { line: now.line, found: movedUp(now.found, dropped) };
    changeScreen(store, { mode: { name: 'output', title, lines, scroll, isRunning, next, ...looking } });
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
