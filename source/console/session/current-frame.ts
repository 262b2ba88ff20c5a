import type { AnyFeature } from '../../features/index.ts';
import { type FrameContent, serverName } from '../../frames/frame-file.ts';
import type { Store } from '../../store/store.ts';
import { arrange, type FieldValue, type Listed } from '../../ui/list.ts';
import type { Background } from '../../ui/theme/theme.ts';

/** What is on the screen, and what the focused pane lists, for whoever takes it elsewhere. */

export type Looking = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  /** The painted lines. */
  readonly lines: () => readonly string[];
  readonly background: () => Background | undefined;
};

export function currentFrame({ store, features, lines, background }: Looking): FrameContent {
  const { screen, connection, past } = store.getState();
  const feature = features.find(({ noun }) => noun === screen.focus);
  return {
    lines: lines(),
    columns: screen.columns,
    rows: screen.rows,
    at: past?.atMs ?? Date.now(),
    server: serverName(connection.url),
    pane: feature?.noun,
    items: feature && itemsOf(feature, store),
    background: background() ?? 'dark',
  };
}

/** Of a list: its name, and its fields by theirs. */
export type Item = Readonly<Record<string, FieldValue>>;

/** The marked rows, or all that are shown. */
export function itemsOf({ noun, list }: AnyFeature, store: Store): readonly Item[] {
  const nowMs = Date.now();
  // The console knows of every slice that it has a list.
  const { rows, marked } = arrange(list, store.getState().slices[noun] as Listed, nowMs);
  return (marked.length > 0 ? marked : rows).map((row) => itemOf(list, row, nowMs));
}

/** The chosen row; undefined where there is none. */
export function chosenItem({ noun, list }: AnyFeature, store: Store): Item | undefined {
  const nowMs = Date.now();
  const { rows, index } = arrange(list, store.getState().slices[noun] as Listed, nowMs);
  const row = rows[index];
  return row === undefined ? undefined : itemOf(list, row, nowMs);
}

function itemOf(list: AnyFeature['list'], row: unknown, nowMs: number): Item {
  const fields = Object.entries(list.fields).map(([name, value]) => [name, value(row, nowMs)]);
  return { name: list.name(row), ...Object.fromEntries(fields) };
}

/** `orders/audit  state dead  lag 41337`: for people. */
export function itemText({ name, ...fields }: Item): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== '' && value !== name)
    .map(([field, value]) => `${field} ${typeof value === 'number' ? Math.round(value) : value}`);
  return [name, ...parts].join('  ');
}
