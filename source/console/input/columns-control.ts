import type { AnyFeature } from '../../features/index.ts';
import { changeScreen, changeSlice, type Mode, type Store } from '../../store/store.ts';
import { changeList, type Listed } from '../../ui/list.ts';
import { stepped } from './stepped.ts';

/** `O`: which columns the table of a pane has, and in which order. What is changed is shown at once. */
export type ColumnsControl = {
  open(feature: AnyFeature): void;
  press(key: string, now: ColumnsMode): void;
};

export type ColumnsMode = Extract<Mode, { name: 'columns' }>;

export type ColumnRow = { readonly name: string; readonly isShown: boolean };

/** Those of the table in its order, then those that are hidden. */
export function columnRows(
  { columns: all = [] }: AnyFeature['list'],
  { list }: Listed,
): readonly ColumnRow[] {
  const shown = list.columns?.filter((name) => all.includes(name)) ?? all;
  return [
    ...shown.map((name) => ({ name, isShown: true })),
    ...all.filter((name) => !shown.includes(name)).map((name) => ({ name, isShown: false })),
  ];
}

export function makeColumns(store: Store, features: readonly AnyFeature[]): ColumnsControl {
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  const refuse = (text: string): void => changeScreen(store, { status: { text, tone: 'bad' } });

  return {
    open({ noun, list: { columns: [first] = [] } }) {
      if (first === undefined) refuse(`${noun} is no table: it has no columns`);
      else setMode({ name: 'columns', noun, selected: first });
    },
    press(key, now) {
      const feature = features.find(({ noun }) => noun === now.noun);
      if (!feature || key === 'esc' || key === 'q' || key === 'O' || key === 'enter' || key === 'ctrl+c') {
        setMode({ name: 'browse' });
        return;
      }
      const rows = columnRows(feature.list, store.getState().slices[now.noun] as Listed);
      const at = Math.max(
        0,
        rows.findIndex(({ name }) => name === now.selected),
      );
      const row = rows[at];
      const shown = rows.filter(({ isShown }) => isShown).map(({ name }) => name);
      const change = (columns: readonly string[] | undefined): void =>
        changeSlice(store, now.noun, (slice) => changeList(slice as Listed, { columns }));
      const to = stepped(at, key, rows.length);
      if (to !== undefined) setMode({ ...now, selected: rows[to]?.name ?? now.selected });
      else if (key === 'r') change(undefined);
      else if (!row) return;
      else if (key === ' ') {
        if (!row.isShown) change([...shown, row.name]);
        else if (shown.length > 1) change(shown.filter((name) => name !== row.name));
        else refuse('A table has one column at least');
      } else if (key === 'J' || key === 'K') {
        const place = at + (key === 'J' ? 1 : -1);
        if (!row.isShown) refuse(`${row.name} is hidden: Space shows it`);
        else if (place >= 0 && place < shown.length) {
          change(shown.toSpliced(at, 1).toSpliced(place, 0, row.name));
        }
      } else refuse(`${key} does nothing here; Esc closes`);
    },
  };
}
