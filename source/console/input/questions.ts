import type { CommandTable } from '../../commands/palette.ts';
import type { Config } from '../../config.ts';
import { type Act, changeScreen, type Mode, type Store, type Target } from '../../store/store.ts';
import { safeLines } from '../../ui/text.ts';
import { type CommandRunner, sentenceOf } from './command-runner.ts';
import { edit, emptyLine } from './line-editor.ts';
import { type OnMarked, questionOfMarked, runMarked } from './marked.ts';

/**
 * The questions before what takes something away, whether it came from a key or the palette.
 *
 * Only y, n and Esc answer. What was typed before the question could be seen is no answer: keys that wait are dropped,
 * and a y counts only when no other key was pressed around it.
 */
export type Questions = {
  /** Runs it, or asks first. Resolves with whether it was done or is asked about; never rejects. */
  begin(act: Act, options?: BeginOptions): Promise<boolean>;
  /** Does it to every marked row, or asks first: once for all of them. Resolves when it is asked or done. */
  beginMarked(marked: OnMarked): Promise<void>;
  /** Keys are held until the work has shown whether there is a question; then they are dropped, or go on. */
  holdWhile<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Takes these keys if they have to wait. */
  holds(keys: readonly string[]): boolean;
  answer(key: string, now: ConfirmMode): void;
  /** Ends what is done to marked rows behind the one that is being done; whether there was anything to end. */
  stopSeries(): boolean;
  /** Asks again, after something was shown over the question. */
  resume(now: ConfirmMode): void;
  /** Whether what is typed into a question comes too early to be meant for it. */
  isTooSoon(): boolean;
};

export type BeginOptions = { readonly isShown?: boolean; readonly isConfirmed?: boolean };
export type ConfirmMode = Extract<Mode, { name: 'confirm' }>;

export type QuestionsOptions = {
  readonly store: Store;
  readonly config: Config;
  readonly table: () => CommandTable;
  readonly runner: CommandRunner;
  /** Keys that were held and are nobody's answer. */
  readonly replay: (keys: readonly string[]) => void;
  /** The list of this feature holds still, as one of its rows is asked about. */
  readonly hold: (noun: string) => void;
  /** Milliseconds that only grow. */
  readonly clock?: () => number;
};

/** Sooner nobody can have read the question. */
const readMs = 150;
/** Of so many marked rows a dry run is made; the others are named. */
const mostPreviewed = 20;
/** Whoever types goes on typing within this time. */
const typingMs = 300;

export function makeQuestions(options: QuestionsOptions): Questions {
  const { store, table, runner, replay, clock = () => performance.now() } = options;
  let askedAtMs = 0;
  let strayAtMs = Number.NEGATIVE_INFINITY;
  /** Whoever still decides whether there is something to ask; Esc forgets them all. */
  let deciding = new Set<symbol>();
  let held: string[] = [];
  /** What the question about marked rows is about. */
  let asking: OnMarked | undefined;
  /** What is being done to marked rows. */
  const series = new Set<AbortController>();

  const mode = (): Mode => store.getState().screen.mode;
  const setMode = (next: Mode): void => changeScreen(store, { mode: next });
  const tell = (text: string, tone: 'info' | 'bad' = 'bad'): void =>
    changeScreen(store, { status: { text, tone } });

  const release = (): void => {
    const keys = held;
    held = [];
    if (mode().name !== 'confirm' && keys.length > 0) replay(keys);
  };
  const holdWhile = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const own = Symbol('deciding');
    deciding.add(own);
    try {
      return await work();
    } finally {
      if (deciding.delete(own) && deciding.size === 0) release();
    }
  };

  const ask = async (act: Act): Promise<'asked' | 'free' | 'failed'> => {
    const before = deciding;
    try {
      const asked = await runner.question(act);
      // Esc was faster.
      if (before !== deciding) return 'failed';
      if (!asked) return 'free';
      askedAtMs = clock();
      strayAtMs = Number.NEGATIVE_INFINITY;
      options.hold(act.path.split(' ', 1)[0] ?? '');
      // What is lost in production is lost by typing its name, as it is hard to do by accident.
      const isHard = options.config.context?.production && table().get(act.path)?.guard?.loses;
      const word = isHard && asked.name !== '' ? asked.name : undefined;
      setMode({ name: 'confirm', act, asked, word, line: emptyLine() });
      return 'asked';
    } catch (error) {
      tell(sentenceOf(error));
      return 'failed';
    }
  };

  /** Looks at each; what cannot be asked about is refused with the reason. */
  const looked = async (marked: OnMarked): Promise<OnMarked> => {
    const refused = [...marked.refused];
    const targets: Target[] = [];
    for (const target of marked.targets) {
      try {
        const asked = await runner.question(target.act);
        const reason = `there is nothing of it that \`${marked.path}\` could act on`;
        if (asked) targets.push({ ...target, asked });
        else refused.push({ ...target, reason });
      } catch (error) {
        refused.push({ ...target, reason: sentenceOf(error) });
      }
    }
    return { ...marked, targets, refused };
  };
  const askMarked = async (marked: OnMarked): Promise<OnMarked | undefined> => {
    const before = deciding;
    const found = await looked(marked);
    const [first] = found.targets;
    // Esc was faster.
    if (before !== deciding) return;
    if (!first) return found;
    askedAtMs = clock();
    strayAtMs = Number.NEGATIVE_INFINITY;
    options.hold(found.noun);
    const isHard = options.config.context?.production && table().get(found.path)?.guard?.loses;
    asking = found;
    setMode({
      name: 'confirm',
      act: first.act,
      asked: { question: questionOfMarked(found), name: '', state: '', input: {} },
      word: isHard ? `${found.does} ${found.targets.length}` : undefined,
      line: emptyLine(),
      targets: found.targets,
    });
    return undefined;
  };

  const runAll = async (marked: OnMarked): Promise<void> => {
    const own = new AbortController();
    series.add(own);
    try {
      await runMarked({ store, runner, stopped: own.signal }, marked);
    } finally {
      series.delete(own);
    }
  };

  const close = (now: ConfirmMode, isYes: boolean): void => {
    setMode({ name: 'browse' });
    if (isYes && now.targets && asking) void runAll(asking);
    else if (isYes) void runner.run({ ...now.act, input: now.asked.input }, { asked: now.asked });
    else tell('Not confirmed; nothing was done', 'info');
  };

  /** One after the other, each under its name. */
  const previewMarked = async (targets: readonly Target[]): Promise<readonly string[]> => {
    const lines: string[] = [];
    for (const { name, act, asked } of targets.slice(0, mostPreviewed)) {
      const own = await runner.preview({ ...act, input: asked?.input ?? act.input });
      lines.push(`── ${name}`, ...own, '');
    }
    const others = targets.slice(mostPreviewed).map(({ name }) => name);
    return others.length === 0 ? lines : [...lines, `The same for ${others.length} more:`, ...others];
  };
  /** Shows what a yes would send; the question stands meanwhile, and is gone back to. */
  const preview = async (now: ConfirmMode): Promise<void> => {
    tell('Looking at what it would send', 'info');
    let lines: readonly string[];
    try {
      lines = now.targets
        ? await previewMarked(now.targets)
        : await runner.preview({ ...now.act, input: now.asked.input });
    } catch (error) {
      tell(sentenceOf(error));
      return;
    }
    const { mode: current, status } = store.getState().screen;
    // It was answered meanwhile, or is another one.
    if (current.name !== 'confirm' || current.asked !== now.asked) return;
    if (status?.text === 'Looking at what it would send') changeScreen(store, { status: undefined });
    const title = `dry run of ${now.act.path}`;
    setMode({ name: 'output', title, lines: safeLines(lines), scroll: 0, isRunning: false, over: current });
  };
  const resume = (now: ConfirmMode): void => {
    askedAtMs = clock();
    strayAtMs = Number.NEGATIVE_INFINITY;
    setMode(now);
  };

  return {
    resume,
    async begin(act, { isShown = false, isConfirmed = false } = {}) {
      const reason = runner.refusal(act.path, act.input);
      if (reason !== undefined) {
        tell(reason);
        return false;
      }
      const { guard, confirm } = table().get(act.path) ?? {};
      const isFree = isConfirmed || options.config.yes || (guard ?? confirm) === undefined;
      const outcome = isFree ? 'free' : await holdWhile(() => ask(act));
      return outcome === 'free' ? await runner.run(act, { isShown }) : outcome === 'asked';
    },
    async beginMarked(marked) {
      const reason = runner.refusal(marked.path, marked.targets[0]?.act.input);
      if (reason !== undefined) {
        tell(reason);
        return;
      }
      const { guard, confirm } = table().get(marked.path) ?? {};
      const isFree = options.config.yes || (guard ?? confirm) === undefined;
      const rest = isFree ? marked : await holdWhile(() => askMarked(marked));
      // There is nothing to ask about: it is done, or all of it is refused.
      if (rest) await runAll(rest);
    },
    stopSeries() {
      const running = [...series].filter(({ signal }) => !signal.aborted);
      for (const one of running) one.abort();
      if (running.length > 0) tell('Stopping behind the one that is being done', 'info');
      return running.length > 0;
    },
    holdWhile,
    holds(keys) {
      if (deciding.size === 0) return false;
      if (keys.some((key) => key === 'esc' || key === 'ctrl+c')) {
        deciding = new Set();
        held = [];
        tell('Left before it was asked; nothing was done', 'info');
      } else held.push(...keys);
      return true;
    },
    isTooSoon: () => clock() - askedAtMs < readMs,
    answer(key, now) {
      const isNo = key === 'esc' || key === 'ctrl+c' || key === 'ctrl+g';
      if (key === 'ctrl+p' || (now.word === undefined && key === 'p')) void preview(now);
      else if (isNo || (now.word === undefined && /^n$/i.test(key))) close(now, false);
      else if (now.word !== undefined && key === 'enter') {
        if (now.line.text.trim() === now.word) close(now, true);
        else tell(`Type ${now.word} for yes, or press Esc for no`, 'info');
      } else if (now.word !== undefined) {
        const line = edit(now.line, key);
        if (line && line !== now.line) setMode({ ...now, line });
      } else if (/^y$/i.test(key)) {
        const isTyping = clock() - strayAtMs < typingMs;
        if (!isTyping && clock() - askedAtMs >= readMs) close(now, true);
        else tell('That y came with other keys; press y again for yes', 'info');
      } else strayAtMs = clock();
    },
  };
}
