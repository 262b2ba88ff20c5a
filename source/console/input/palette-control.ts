import {
  type CommandTable,
  complete,
  finderOffers,
  isAbbreviation,
  type Live,
  offersFor,
  splitWords,
} from '../../commands/palette.ts';
import type { Config } from '../../config.ts';
import type { AnyFeature } from '../../features/index.ts';
import {
  changeScreen,
  changeSlice,
  type Line,
  type Mode,
  type Offer,
  type Store,
} from '../../store/store.ts';
import { changeList, choose, type Listed } from '../../ui/list.ts';
import { keyLabel, keyList } from './key-names.ts';
import { globalKeys, listKeys } from './keymap.ts';
import { edit, emptyLine } from './line-editor.ts';
import { sessionKeys } from './session-keys.ts';

/** The command line behind `:`: what it offers, what it remembers, and the short ways that are no command. */
export type PaletteControl = {
  open(text?: string): void;
  /** Keys and commands to find by what they are called or do; Enter does what the line says. */
  find(beginning?: string): void;
  press(key: string, now: PaletteMode): void;
  /** Takes what was typed or pasted. */
  change(now: PaletteMode, line: Line): void;
};

export type PaletteMode = Extract<Mode, { name: 'palette' }>;

export type PaletteOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Pick<Config, 'aliases'>;
  readonly table: () => CommandTable;
  /** Lines of before, oldest first, and where to add one. */
  readonly history: { lines(): readonly string[]; add(line: string): string | undefined };
  /** Runs a command line. */
  readonly run: (text: string) => Promise<void>;
  readonly press: (key: string) => void;
  readonly quit: () => void;
};

export function makePalette(options: PaletteOptions): PaletteControl {
  const { store, features, config, table, history } = options;
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  const focused = (): AnyFeature | undefined =>
    features.find(({ noun }) => noun === store.getState().screen.focus);

  const live: Live = {
    aliases: config.aliases,
    names(path, label, index) {
      // Columns are of the pane that has the focus.
      if (path === 'sort') return label === 'COLUMN' ? Object.keys(focused()?.list.fields ?? {}) : [];
      const feature = features.find(({ noun }) => noun === path.split(' ', 1)[0]);
      // What a command of the whole console calls a name may be anything's, such as a theme's.
      const isOwned = label !== 'NAME' && label !== 'ID';
      const owner =
        feature ?? (isOwned ? features.find(({ names }) => names?.[label] !== undefined) : undefined);
      if (!owner) return [];
      const slice = store.getState().slices[owner.noun];
      const own = owner.names?.[label];
      if (own) return own(slice);
      return feature && index === 0 && !owner.names ? owner.list.rows(slice).map(owner.list.name) : [];
    },
    get keys() {
      const own = focused()?.keys ?? [];
      return [...own, ...Object.values({ ...globalKeys, ...listKeys, ...sessionKeys })].map(
        ({ key, help }) => {
          const first = keyList(key)[0] ?? '';
          return { key: first, label: keyLabel(first), help };
        },
      );
    },
  };

  const show = (line: Line, isHistory: boolean, isFinder = false): void => {
    if (isFinder) {
      const offers = finderOffers(line.text, table(), live);
      setMode({ name: 'palette', line, choice: 0, offers, usage: undefined, isHistory: false, isFinder });
      return;
    }
    if (isHistory) {
      const offers = remembered(line.text, history.lines());
      setMode({ name: 'palette', line, choice: 0, offers, usage: undefined, isHistory });
      return;
    }
    const { offers, usage } = offersFor(line.text, table(), features, live);
    setMode({ name: 'palette', line, choice: 0, offers, usage, isHistory });
  };
  const write = (text: string): void => show(emptyLine(history.lines(), text), false);

  const run = (text: string): void => {
    setMode({ name: 'browse' });
    const refusal = history.add(text);
    if (refusal !== undefined) changeScreen(store, { status: { text: refusal, tone: 'bad' } });
    const whole = unalias(text, config.aliases);
    if (/^\s*:?\s*q(uit)?\s*$/.test(whole)) options.quit();
    else if (!goes(whole)) void options.run(whole);
  };

  /** `lock` goes to the pane, `lock /job` filters it, `lock job:2` chooses that row. */
  const goes = (text: string): boolean => {
    const [noun, word, ...more] = splitWords(text) ?? [];
    const feature = features.find((one) => one.noun === noun);
    if (!feature || more.length > 0) return false;
    const go = (change: (slice: Listed) => Listed): true => {
      changeScreen(store, { focus: feature.noun });
      // The console knows of every slice that it has a list.
      changeSlice(store, feature.noun, (slice) => change(slice as Listed));
      return true;
    };
    if (word === undefined) return go((slice) => slice);
    if (word.startsWith('/')) return go((slice) => changeList(slice, { filter: word.slice(1) }));
    if (table().has(`${noun} ${word}`)) return false;
    const slice = store.getState().slices[feature.noun];
    const row = feature.list.rows(slice).find((one) => feature.list.name(one) === word);
    if (row === undefined) return false;
    const id = feature.list.id(row);
    return go((listed) => choose(feature.list, listed, id, Date.now()) ?? listed);
  };

  const take = (offer: Offer, now: PaletteMode): void => {
    if (offer.key !== undefined) {
      setMode({ name: 'browse' });
      options.press(offer.key);
    } else write(complete(now.line.text, offer));
  };

  return {
    open: (text = '') => write(text),
    find: (beginning = '') => show(emptyLine([], beginning), false, true),
    change: (now, line) => show(line, now.isHistory, now.isFinder),
    press(key, now) {
      const { offers, line, isHistory, isFinder = false } = now;
      const chosen = offers[Math.min(now.choice, offers.length - 1)];
      const step = key === 'up' ? -1 : key === 'down' ? 1 : 0;
      if (isFinder && key === 'enter') {
        if (chosen) take(chosen, now);
      } else if (isFinder && key === 'backspace' && line.text === '') setMode({ name: 'help', scroll: 0 });
      else if (key === 'enter') {
        if (isHistory && chosen?.line !== undefined) run(chosen.line);
        // It names no command, but what is offered does: it is put in, to be seen before it is run.
        else if (chosen && (chosen.line !== undefined || chosen.key !== undefined)) take(chosen, now);
        else run(line.text);
      } else if (key === 'tab') {
        if (chosen) take(chosen, now);
      } else if (key === 'ctrl+r' && !isFinder) show(line, !isHistory);
      else if (
        step !== 0 &&
        offers.length > 0 &&
        (isHistory || isFinder || line.text !== '') &&
        !isRecalling(line)
      ) {
        setMode({ ...now, choice: (now.choice + step + offers.length) % offers.length });
      } else if (key === 'esc' || key === 'ctrl+c' || key === 'ctrl+g') setMode({ name: 'browse' });
      else if (key === 'backspace' && line.text === '') setMode({ name: 'browse' });
      else {
        const edited = edit(line, key);
        if (edited && edited !== line) show(edited, isHistory, isFinder);
      }
    },
  };
}

/** Whether a line of before stands there, so that the arrows go on to others. */
function isRecalling({ history, historyIndex, text }: Line): boolean {
  return historyIndex < history.length && history[historyIndex] === text;
}

function unalias(text: string, aliases: Readonly<Record<string, string>>): string {
  const [, word = '', rest = ''] = /^\s*:?\s*(\S+)(.*)$/s.exec(text) ?? [];
  return Object.hasOwn(aliases, word) ? `${aliases[word]}${rest}` : text;
}

/** The newest first, each once: those with the text in them, then those with its letters in this order. */
function remembered(text: string, lines: readonly string[]): readonly Offer[] {
  const wanted = text.trim().toLowerCase();
  const newest = [...new Set(lines.toReversed())];
  const has = newest.filter((line) => line.toLowerCase().includes(wanted));
  const like = newest.filter(
    (line) => !has.includes(line) && isAbbreviation(wanted.replaceAll(' ', ''), line.toLowerCase()),
  );
  return [...has, ...like].map((line) => ({ word: line, summary: '', line }));
}
