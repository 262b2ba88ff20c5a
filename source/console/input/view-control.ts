import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, type Mode, type Screen, type Store, type View } from '../../store/store.ts';
import { layoutOf } from '../view/layout-of.ts';
import { arranged, type PaneAct, rowsFrom, toggled } from '../view/views.ts';
import { keyLabel } from './key-names.ts';
import { placeOf } from './keymap.ts';
import { emptyLine } from './line-editor.ts';

/** What the keys do about views: choose one, make a pane large, show, hide, size and move panes. */
export type ViewControl = {
  next(): void;
  open(): void;
  /** This pane large, or back to what was before. */
  large(): void;
  /** A key in the list of views. */
  choose(key: string, now: Extract<Mode, { name: 'views' }>): void;
  edit(): void;
  /** A key while panes are shown, hidden, sized and moved. */
  press(key: string): void;
  /** Enter, while a name for the view is typed. */
  save(now: Extract<Mode, { name: 'save' }>): void;
  views(): readonly View[];
  /** Those that were saved by hand. */
  saved(): readonly View[];
};

export type ViewControlOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly views: readonly View[];
  /** Those that were saved another time. */
  readonly saved: readonly View[];
};

const focusName = 'focus';
const acts: Readonly<Record<string, PaneAct>> = {
  '>': 'wider',
  '<': 'narrower',
  '+': 'higher',
  '-': 'lower',
  H: 'left',
  L: 'right',
  K: 'up',
  J: 'down',
  '=': 'equal',
};

export function makeViewControl({
  store,
  features,
  views: initial,
  saved: before,
}: ViewControlOptions): ViewControl {
  let saved = before;
  let previous: View | undefined;
  const nouns = features.map(({ noun }) => noun);

  const screen = (): Screen => store.getState().screen;
  const tell = (text: string, tone: 'info' | 'bad' = 'info'): void =>
    changeScreen(store, { status: { text, tone } });
  const show = (view: View): void => {
    previous = screen().view;
    changeScreen(store, { view, isZoomed: false, mode: { name: 'browse' } });
    // Whoever chose a view wants to look at it.
    const shown = layoutOf(screen(), features).tiles;
    const isThere = shown.some(({ noun }) => noun === screen().focus);
    const [first] = wanted(view);
    if (!isThere || (first !== undefined && !wanted(view).includes(screen().focus))) {
      changeScreen(store, { focus: first ?? screen().focus });
    }
    tell(`View ${view.name}`);
  };
  const wanted = ({ arrangement }: View): readonly string[] =>
    arrangement.kind === 'all'
      ? []
      : arrangement.kind === 'focus'
        ? [arrangement.main, ...arrangement.side]
        : arrangement.rows.flatMap(({ panes }) => panes.map(({ noun }) => noun));
  const change = (rows: ReturnType<typeof rowsFrom>): void => {
    const { view } = screen();
    changeScreen(store, { view: { name: view.name, arrangement: { kind: 'rows', rows } } });
  };
  /** The panes as they stand, as rows. */
  const rowsNow = (): ReturnType<typeof rowsFrom> => {
    const { view } = screen();
    if (view.arrangement.kind === 'rows') return view.arrangement.rows;
    return rowsFrom(layoutOf({ ...screen(), isZoomed: false }, features));
  };

  /** Of two with one name the one that was saved is meant. */
  const views = (): readonly View[] => [
    ...new Map([...initial, ...saved].map((view) => [view.name, view])).values(),
  ];

  return {
    next() {
      const all = views();
      const at = all.findIndex(({ name }) => name === screen().view.name);
      const next = all[(at + 1) % all.length];
      if (next) show(next);
    },
    open() {
      const at = views().findIndex(({ name }) => name === screen().view.name);
      changeScreen(store, { mode: { name: 'views', choice: Math.max(0, at) } });
    },
    large() {
      const { view, focus } = screen();
      if (view.name === focusName && previous) {
        show(previous);
        return;
      }
      const side = nouns.filter((noun) => noun !== focus);
      show({ name: focusName, arrangement: { kind: 'focus', main: focus, side } });
    },
    choose(key, now) {
      const all = views();
      const last = all.length - 1;
      const step = ['up', 'k'].includes(key) ? -1 : ['down', 'j', 'V'].includes(key) ? 1 : 0;
      const view = all[now.choice];
      if (key === 'enter' && view) show(view);
      else if (step !== 0) {
        changeScreen(store, {
          mode: { ...now, choice: Math.min(last, Math.max(0, now.choice + step)) },
        });
      } else if (key === 'esc' || key === 'q' || key === 'ctrl+c') {
        changeScreen(store, { mode: { name: 'browse' } });
      } else tell(`${keyLabel(key)} does nothing here; Enter chooses, Esc goes back`, 'bad');
    },
    edit() {
      if (layoutOf({ ...screen(), isZoomed: false }, features).kind === 'tabs') {
        tell('There is no room for more than one pane here', 'bad');
        return;
      }
      changeScreen(store, { mode: { name: 'panes' }, isZoomed: false });
    },
    press(key) {
      const act = acts[key];
      const { focus, view } = screen();
      if (['esc', 'enter', 'q', 'w', 'ctrl+c'].includes(key))
        changeScreen(store, { mode: { name: 'browse' } });
      else if (act) change(arranged(rowsNow(), focus, act));
      else if (/^\d$/.test(key)) {
        const noun = nouns[placeOf(key)];
        if (noun === undefined) return;
        const rows = toggled(rowsNow(), noun);
        change(rows);
        const isThere = (one: string): boolean =>
          rows.some(({ panes }) => panes.some((pane) => pane.noun === one));
        const [first] = rows.flatMap(({ panes }) => panes);
        changeScreen(store, {
          focus: isThere(noun) ? noun : isThere(focus) ? focus : (first?.noun ?? focus),
        });
      } else if (key === 'tab' || key === 'shift+tab') {
        const tiles = layoutOf(screen(), features).tiles.map(({ noun }) => noun);
        const step = key === 'tab' ? 1 : -1;
        const next = tiles[(tiles.indexOf(focus) + step + tiles.length) % tiles.length];
        if (next !== undefined) changeScreen(store, { focus: next });
      } else if (key === 's') {
        changeScreen(store, {
          mode: { name: 'save', line: emptyLine([], view.name === 'all' ? '' : view.name) },
        });
      } else if (key === 'r') {
        const own = views().find(({ name }) => name === view.name);
        changeScreen(store, { view: own ?? { name: 'all', arrangement: { kind: 'all' } } });
        tell(`View ${own?.name ?? 'all'}, as it was`);
      } else tell(`${keyLabel(key)} does nothing here; Esc ends it`, 'bad');
    },
    save({ line }) {
      const name = line.text.trim();
      if (name === '' || name.length > 30) {
        tell('A view has a name of at most 30 characters; nothing was saved', 'bad');
        changeScreen(store, { mode: { name: 'panes' } });
        return;
      }
      const view: View = { name, arrangement: { kind: 'rows', rows: rowsNow() } };
      saved = [...saved.filter((one) => one.name !== name), view];
      changeScreen(store, { view, mode: { name: 'browse' } });
      tell(`View ${name} is kept; v and V find it`);
    },
    views,
    saved: () => saved,
  };
}
