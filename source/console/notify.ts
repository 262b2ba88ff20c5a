import { spawn } from 'node:child_process';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import type { NotifyWay } from '../file-settings.ts';
import { needSentence, type OpenNeed } from '../need.ts';
import type { Store } from '../store/store.ts';
import { safeJson, sanitise, truncate } from '../ui/text.ts';
import type { Terminal } from './terminal/terminal.ts';

/**
 * Tells of needs outside of the frame: how many there are in the window's title, and what is new by the ways the
 * config names, several as a sum, at most once in `atMost`. What somebody is on is not notified, nor what was there before
 * the console was opened.
 */
export type NotifyOptions = {
  readonly store: Store;
  readonly config: Config;
  readonly terminal: Pick<Terminal, 'title' | 'send'>;
  /** What could not be notified. */
  readonly onFailure: (text: string) => void;
};

const defaultAtMostMs = 60_000;
const longestBody = 180;
/** Everything that is found when the console opens is on the screen. */
const openingMs = 5000;
const commandWithinMs = 10_000;

export function watchNotify({ store, config, terminal, onFailure }: NotifyOptions): () => void {
  const { bad = ['title'], warn = ['title'], atMost = defaultAtMostMs } = config.notify;
  const ways: Readonly<Record<OpenNeed['severity'], readonly NotifyWay[]>> = { bad, warn };
  const openedAtMs = performance.now();
  let known = new Set<string>();
  let waiting: OpenNeed[] = [];
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let title: string | undefined;
  let isBroken = false;

  const tellTitle = (needs: readonly OpenNeed[], url: string): void => {
    const count = needs.filter(({ ack, severity }) => !ack && ways[severity].includes('title')).length;
    const next = `${count > 0 ? `!${count} ` : ''}quarterdeck ${placeIn(config.context, url)}`;
    if (next === title) return;
    title = next;
    terminal.title(next);
  };
  const tell = (): void => {
    timer = undefined;
    const open = new Set(
      store
        .getState()
        .needs.filter(({ ack }) => !ack)
        .map(({ id }) => id),
    );
    const fresh = waiting.filter(({ id }) => open.has(id));
    waiting = [];
    const [first] = fresh;
    if (!first) return;
    toldAtMs = performance.now();
    const text = `${needSentence(first)}${fresh.length > 1 ? `, and ${fresh.length - 1} more` : ''}`;
    const body = truncate(sanitise(text), longestBody).replaceAll(';', ',');
    const wanted = new Set(fresh.flatMap(({ severity }) => ways[severity]));
    for (const way of wanted) {
      if (way === 'bell') terminal.send('\u0007');
      else if (way === 'osc9') terminal.send(`\u001B]9;${body}\u0007`);
      else if (way === 'osc777') terminal.send(`\u001B]777;notify;quarterdeck;${body}\u0007`);
      else if (way !== 'title') run(way, first, fresh.length, failed);
    }
  };
  const failed = (text: string): void => {
    // Once: it would fail again each time.
    if (!isBroken) onFailure(text);
    isBroken = true;
  };
  const look = (): void => {
    const { needs, connection } = store.getState();
    tellTitle(needs, connection.url);
    const open = needs.filter(({ ack }) => !ack);
    const isOpening = performance.now() - openedAtMs < openingMs;
    if (!isOpening) waiting.push(...open.filter(({ id }) => !known.has(id)));
    known = new Set(open.map(({ id }) => id));
    if (waiting.length > 0) timer ??= setTimeout(tell, Math.max(0, toldAtMs + atMost - performance.now()));
  };
  look();
  const unsubscribe = store.subscribe((state, before) => {
    if (state.needs !== before.needs) look();
  });
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

/** The context, and that it is production, before anything that may be cut; else where it is. */
function placeIn(context: Config['context'], url: string): string {
  if (context) return `${context.production ? 'PRODUCTION ' : ''}${context.name}`;
  return url.replace(/^rediss?:\/\/|\/$/g, '');
}

/** Runs it without a shell, with the need as JSON on its standard input. */
function run(
  [program = '', ...words]: readonly string[],
  need: OpenNeed,
  count: number,
  failed: (text: string) => void,
): void {
  const child = spawn(program, words, {
    stdio: ['pipe', 'ignore', 'ignore'],
    signal: AbortSignal.timeout(commandWithinMs),
  });
  child.on('error', (error) => failed(`${program} did not notify: ${messageOf(error)}`));
  child.on('exit', (code) => {
    if (code !== null && code !== 0) failed(`${program} did not notify: it ended with ${code}`);
  });
  // One that reads nothing closes the pipe.
  child.stdin.on('error', () => {});
  const { id, feature, name, severity, words: text, sinceMs = null } = need;
  child.stdin.end(`${safeJson({ id, feature, name, severity, words: text, sinceMs, count })}\n`);
  child.unref();
}
