import type { CommandTable } from '../../commands/palette.ts';
import type { Config, ContextChoice } from '../../config.ts';
import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, type Line, type Mode, type Store } from '../../store/store.ts';
import type { Listed } from '../../ui/list.ts';
import { sanitise } from '../../ui/text.ts';
import type { ConsoleLog } from '../console-log.ts';
import type { TimeControl } from '../time/freeze.ts';
import { layoutOf } from '../view/layout-of.ts';
import type { Bindings } from './bindings.ts';
import { makeColumns } from './columns-control.ts';
import { type CommandRunner, sentenceOf } from './command-runner.ts';
import { completeWord, wordBefore } from './complete-word.ts';
import { makeContextsControl } from './contexts-control.ts';
import { matchIn } from './find-in-lines.ts';
import type { Jumps } from './jumps.ts';
import { isText, keyLabel, keyList } from './key-names.ts';
import { globalKey, type globalKeys, listKey, placeOf } from './keymap.ts';
import { edit, emptyLine, insert, submit } from './line-editor.ts';
import type { ListControl } from './list-control.ts';
import type { NeedsControl } from './needs-control.ts';
import { makePalette, type PaletteOptions } from './palette-control.ts';
import type { Questions } from './questions.ts';
import { makeRelated } from './related-control.ts';
import { sessionKey } from './session-keys.ts';
import type { ViewControl } from './view-control.ts';

/** A key becomes a move in the focused pane, a command, or an edit of the line being typed. */
export type Keyboard = {
  press(keys: readonly string[]): void;
  paste(text: string): void;
  /** Opens the list of contexts, to choose one. */
  openContexts(choices: readonly ContextChoice[]): void;
};

export type KeyboardOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  readonly table: () => CommandTable;
  readonly runner: CommandRunner;
  readonly questions: Questions;
  readonly bindings: Bindings;
  readonly lists: ListControl;
  readonly history: PaletteOptions['history'];
  readonly needs: NeedsControl;
  readonly jumps: Jumps;
  readonly views: ViewControl;
  /** Undefined: this console knows of now alone. */
  readonly time?: TimeControl;
  /** The cells the feature's pane has, and those an overlay has. */
  readonly sizeOf: (noun: string) => { readonly columns: number; readonly rows: number };
  readonly quit: () => void;
  /** Tries to reach the server now. */
  readonly retry: () => void;
  readonly suspend: () => void;
  readonly redraw: () => void;
  readonly log?: ConsoleLog | undefined;
};

type ModeOf<Name extends Mode['name']> = Extract<Mode, { name: Name }>;

export function makeKeyboard(options: KeyboardOptions): Keyboard {
  const { store, features, table, runner, questions, bindings, lists, needs, jumps, views, log } = options;
  const related = makeRelated(options);
  const columns = makeColumns(store, features);
  let filters: readonly string[] = [];
  const contexts = makeContextsControl(store, (name) => {
    void questions.begin({ path: 'ctx', input: { name }, commandLine: [], json: false });
  });

  const screen = () => store.getState().screen;
  const mode = (): Mode => screen().mode;
  const setMode = (next: Mode): void => changeScreen(store, { mode: next });
  const browse = (): void => setMode({ name: 'browse' });
  const refuse = (text: string): void => changeScreen(store, { status: { text, tone: 'bad' } });
  const focused = (): AnyFeature | undefined => features.find(({ noun }) => noun === screen().focus);

  const focusBy = (step: number): void => {
    // Through the panes that are shown; where there is room for one only, through all.
    const { kind, tiles } = layoutOf(screen(), features);
    const nouns = kind === 'grid' ? tiles.map(({ noun }) => noun) : features.map(({ noun }) => noun);
    const next = nouns[(nouns.indexOf(screen().focus) + step + nouns.length) % nouns.length];
    if (next !== undefined) changeScreen(store, { focus: next });
  };
  /** A pane that the view does not have is shown alone; from there it goes back to one that it has. */
  const leavePeek = (): void => {
    const { focus, guide } = screen();
    const ground = features.find(({ nothing }) => nothing === undefined);
    if (guide === 'unused' && ground) {
      changeScreen(store, { focus: ground.noun });
      return;
    }
    if (layoutOf(screen(), features).kind === 'grid') return;
    for (const { noun } of features) {
      const layout = layoutOf({ ...screen(), focus: noun }, features);
      if (layout.kind !== 'grid' || layout.tiles.some((tile) => tile.noun === focus)) continue;
      changeScreen(store, { focus: layout.tiles[0]?.noun ?? focus });
      return;
    }
  };
  const focusAt = (place: number): void => {
    const feature = features[place];
    if (feature) changeScreen(store, { focus: feature.noun });
  };

  const runLine = async (text: string): Promise<void> => {
    try {
      const parsed = await questions.holdWhile(async () => {
        // What reads command lines is slow to load, and not needed to paint the first frame.
        const { parseLine } = await import('./parse-line.ts');
        return parseLine(text, table());
      });
      if (parsed) await questions.begin(parsed.act, { isShown: true, isConfirmed: parsed.isConfirmed });
    } catch (error) {
      refuse(sentenceOf(error));
    }
  };

  /** In the pane of the servers, for everything that can be found. */
  const discover = (feature: AnyFeature | undefined): void => {
    if (!feature) return;
    const { noun, nothing, discovery } = feature;
    if (nothing && !discovery) {
      refuse(`What ${noun} has cannot be found by its keys alone`);
      return;
    }
    const input = { nouns: discovery ? [noun] : [] };
    void questions.begin({ path: 'discover', input, commandLine: [], json: false }, { isShown: true });
  };

  const palette = makePalette({
    ...options,
    run: runLine,
    press: (key) => handle(key),
  });

  const pressInPane = (feature: AnyFeature, key: string): void => {
    const index = feature.keys.findIndex((binding) => keyList(binding.key).includes(key));
    const name = listKey(key);
    if (index !== -1) bindings.press(feature, index);
    else if (name === 'filter') {
      const { filter } = (store.getState().slices[feature.noun] as Listed).list;
      setMode({ name: 'filter', noun: feature.noun, before: filter, line: emptyLine(filters, filter) });
    } else if (name === 'columns') columns.open(feature);
    else if (name !== undefined) lists.press(feature, name);
    else refuse(`${keyLabel(key)} does nothing here; ? shows keys`);
  };

  /** Whether the word before the cursor is one that Tab completes. */
  const complete = (now: ModeOf<'ask'>): boolean => {
    const word = wordBefore(now.line);
    const candidates = bindings.completions(now, word);
    if (!candidates) return false;
    const { line, others } = completeWord(now.line, candidates);
    setMode({ ...now, line });
    const names = others.map((other) => sanitise(other)).join('  ');
    if (others.length > 0) changeScreen(store, { status: { text: names, tone: 'info' } });
    else if (line.text === now.line.text) refuse(`Nothing here begins with ${sanitise(word)}`);
    return true;
  };

  /** To the next line that has what is looked for, from the last one or from what is shown. */
  const look = (now: ModeOf<'output'>, step: 1 | -1): void => {
    const { text = '', at } = now.found ?? {};
    if (text === '') {
      setMode({ ...now, found: undefined });
      return;
    }
    const { rows } = options.sizeOf('');
    const last = Math.max(0, now.lines.length - rows);
    const first = now.scroll ?? last;
    const match = matchIn(now.lines, text, at ?? (step === 1 ? first - 1 : first + rows), step);
    const isSeen = match.at !== undefined && match.at >= first && match.at < first + rows;
    const scroll = match.at === undefined || isSeen ? now.scroll : Math.min(last, match.at);
    setMode({ ...now, scroll, found: { text, at: match.at } });
    const tone = match.at === undefined ? 'bad' : 'info';
    changeScreen(store, { status: { text: sanitise(match.words), tone } });
  };

  const handlers: { readonly [Name in Mode['name']]: (key: string, now: ModeOf<Name>) => void } = {
    browse(key) {
      const name = globalKey(key);
      const own = sessionKey(key);
      const feature = focused();
      if (screen().guide === 'unreached' && (name === undefined || paneKeys.has(name)) && !own) {
        if (key === 'enter') options.retry();
        else refuse(`${keyLabel(key)} has nothing to show: Redis is not reached; Enter tries again now`);
        return;
      }
      if (options.time?.press(key)) return;
      if (own?.isBegun) palette.open(own.line);
      else if (own) void runLine(own.line);
      else if (name === undefined) {
        if (feature) pressInPane(feature, key);
      } else if (name === 'next') focusBy(1);
      else if (name === 'previous') focusBy(-1);
      else if (name === 'pane') focusAt(placeOf(key));
      else if (name === 'zoom') changeScreen(store, { isZoomed: !screen().isZoomed });
      else if (name === 'back') {
        if (questions.stopSeries()) return;
        const isDone = feature !== undefined && lists.back(feature);
        if (isDone) return;
        if (screen().isZoomed) changeScreen(store, { isZoomed: false });
        else if (!options.time?.back()) leavePeek();
      } else if (name === 'nextNeed') needs.step(1);
      else if (name === 'previousNeed') needs.step(-1);
      else if (name === 'focusView') views.large();
      else if (name === 'nextView') views.next();
      else if (name === 'views') views.open();
      else if (name === 'panes') views.edit();
      else if (name === 'related') {
        if (feature) related.open(feature);
      } else if (name === 'home') {
        if (!jumps.back()) refuse('There is no jump to go back from');
      } else if (name === 'needs') needs.open();
      else if (name === 'discover') discover(feature);
      else if (name === 'freeze') refuse('This console knows of now alone');
      else if (name === 'help') setMode({ name: 'help', scroll: 0 });
      else if (name === 'palette') palette.open();
      else options[name]();
    },
    help(key, now) {
      if (leaves(key)) browse();
      else if (key === '/') palette.find();
      // A letter that does not scroll begins what is looked for.
      else if (/^[\p{L}\p{N}]$/u.test(key) && !/^[jkgG]$/.test(key)) palette.find(key);
      else setMode({ ...now, scroll: Math.max(0, scrolled(now.scroll, key, options.sizeOf('').rows)) });
    },
    output(key, now) {
      if (now.line) {
        const { line, ...rest } = now;
        if (key === 'enter') look({ ...rest, found: { text: line.text, at: undefined } }, 1);
        else if (leavesLine(key)) setMode(rest);
        else editLine({ ...now, line }, key);
        return;
      }
      if (key === '/') {
        setMode({ ...now, line: emptyLine([]) });
        return;
      }
      if (key === 'n' || key === 'N') {
        if (now.found) look(now, key === 'n' ? 1 : -1);
        else refuse(`${key} goes from match to match; / finds text first`);
        return;
      }
      if (now.over && (leaves(key) || key === 'p' || key === 'ctrl+p' || key === 'enter')) {
        questions.resume(now.over);
        return;
      }
      if (leaves(key)) {
        runner.stop();
        browse();
        return;
      }
      if (key === 'enter' && now.next) {
        browse();
        void questions.begin(now.next.act);
        return;
      }
      const rows = options.sizeOf('').rows;
      const last = Math.max(0, now.lines.length - rows);
      const to = Math.max(0, scrolled(now.scroll ?? last, key, rows));
      setMode({ ...now, scroll: to >= last && now.isRunning ? undefined : Math.min(to, last) });
    },
    palette: (key, now) => palette.press(key, now),
    filter(key, now) {
      const feature = features.find(({ noun }) => noun === now.noun);
      if (key === 'enter' || key === 'tab' || key === 'shift+tab') {
        filters = submit(now.line).history;
        browse();
        if (key !== 'enter') focusBy(key === 'tab' ? 1 : -1);
      } else if (leavesLine(key)) {
        if (feature) lists.filter(feature, now.before);
        browse();
      } else editLine(now, key);
    },
    ask(key, now) {
      if (key === 'enter') bindings.answer(now);
      else if (leavesLine(key)) browse();
      else if (key === 'tab' && complete(now)) return;
      else if (key === 'tab' || key === 'shift+tab') {
        browse();
        focusBy(key === 'tab' ? 1 : -1);
      } else editLine(now, key);
    },
    confirm: questions.answer,
    needs: needs.press,
    related: related.press,
    columns: columns.press,
    views: views.choose,
    contexts: contexts.press,
    panes: views.press,
    save(key, now) {
      if (key === 'enter') views.save(now);
      else if (leavesLine(key)) setMode({ name: 'panes' });
      else editLine(now, key);
    },
    note(key, now) {
      if (key === 'enter') needs.answer(now);
      else if (leavesLine(key)) setMode({ name: 'needs', selected: now.id });
      else editLine(now, key);
    },
  };

  type LineMode =
    | ModeOf<'palette' | 'filter' | 'ask' | 'note' | 'save' | 'confirm'>
    | (ModeOf<'output'> & { readonly line: Line });
  const setLine = (now: LineMode, line: LineMode['line']): void => {
    if (line === now.line) return;
    if (now.name === 'palette') palette.change(now, line);
    else setMode({ ...now, line });
    const feature = now.name === 'filter' ? features.find(({ noun }) => noun === now.noun) : undefined;
    if (feature) lists.filter(feature, line.text);
  };
  const editLine = (now: LineMode, key: string): void => {
    const line = edit(now.line, key);
    if (line) setLine(now, line);
  };
  const lineMode = (): LineMode | undefined => {
    const now = mode();
    if (now.name === 'output') return now.line && { ...now, line: now.line };
    if (now.name !== 'confirm' && 'line' in now) return now;
    return now.name === 'confirm' && now.word !== undefined ? now : undefined;
  };
  const type = (text: string): void => {
    const now = lineMode();
    if (!now || text === '') return;
    log?.write({ event: 'typed', mode: now.name, characters: text.length });
    if (now.name === 'confirm' && questions.isTooSoon()) return;
    const { line, refusal } = insert(now.line, text);
    setLine(now, line);
    if (refusal !== undefined) refuse(refusal);
  };
  const handle = (key: string): void => {
    log?.write({ event: 'key', mode: mode().name, key });
    if (screen().status) changeScreen(store, { status: undefined });
    const name = globalKey(key);
    if (name === 'suspend' || name === 'redraw') {
      options[name]();
      return;
    }
    const now = mode();
    const handler = handlers[now.name] as (key: string, now: Mode) => void;
    handler(key, now);
  };

  return {
    openContexts: contexts.open,
    press(keys) {
      let typed = '';
      for (const [index, key] of keys.entries()) {
        if (questions.holds(keys.slice(index))) return;
        if (isText(key) && lineMode()) {
          typed += key;
          continue;
        }
        type(typed);
        typed = '';
        handle(key);
        // What was typed ahead meant the question that was refused, not the keys of the pane.
        if (screen().status?.tone === 'bad') return;
      }
      type(typed);
    },
    paste(text) {
      changeScreen(store, { status: undefined });
      log?.write({ event: 'pasted', mode: mode().name, characters: text.length });
      if (lineMode()) type(text);
      else if (text !== '') refuse('Nothing is being typed: pasted text was left out');
    },
  };
}

/** What these are about is there once something was read. */
const paneKeys: ReadonlySet<string> = new Set<keyof typeof globalKeys>([
  'next',
  'previous',
  'pane',
  'zoom',
  'back',
  'focusView',
  'nextView',
  'panes',
  'freeze',
  'related',
  'home',
]);

function leaves(key: string): boolean {
  return key === 'esc' || key === 'q' || key === '?' || key === 'ctrl+c';
}

function leavesLine(key: string): boolean {
  return key === 'esc' || key === 'ctrl+c' || key === 'ctrl+g';
}

function scrolled(from: number, key: string, rows: number): number {
  const page = Math.max(1, rows - 1);
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageup: -page,
    'ctrl+u': -page,
    pagedown: page,
    'ctrl+d': page,
    ' ': page,
    home: Number.NEGATIVE_INFINITY,
    g: Number.NEGATIVE_INFINITY,
    end: Number.MAX_SAFE_INTEGER,
    G: Number.MAX_SAFE_INTEGER,
  };
  return from + (steps[key] ?? 0);
}
