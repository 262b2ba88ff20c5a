import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../nearest.ts';
import type { Arrangement, PaneRow, View } from '../../store/store.ts';
import type { Layout } from './layout.ts';

/** The views there are by themselves, those of the config, and the one to begin with. */

/**
 * @param nouns of all panes, in their order
 * @throws {UsageError} when the config or a flag names a pane or a view that there is not
 */
export function viewsOf(config: Pick<Config, 'views' | 'panes'>, nouns: readonly string[]): readonly View[] {
  const builtIn: readonly View[] = [
    { name: 'all', arrangement: { kind: 'all' } },
    {
      name: 'incident',
      arrangement: rowsOf([
        ['topic:2', 'chat'],
        ['lock', 'limit', 'log'],
      ]),
    },
    { name: 'ship', arrangement: rowsOf([['ship'], ['sync', 'buffer', 'shards']]) },
  ];
  const own = Object.entries(config.views).map(([name, view]): View => {
    const arrangement: Arrangement =
      'rows' in view ? rowsOf(view.rows) : { kind: 'focus', main: view.focus, side: view.side ?? nouns };
    return { name, arrangement };
  });
  const chosen: readonly View[] =
    config.panes === undefined ? [] : [{ name: 'panes', arrangement: rowsOf(evenly(config.panes)) }];
  for (const { name, arrangement } of [...own, ...chosen]) {
    for (const noun of panesOf(arrangement)) {
      if (nouns.includes(noun)) continue;
      throw new UsageError(`The view \`${name}\` has a pane \`${noun}\`, which there is not`, {
        code: 'BAD_CONFIG',
        hint: `${didYouMean(noun, nouns)}Known: ${nouns.join(', ')}`,
      });
    }
  }
  const known = builtIn.filter(({ arrangement }) =>
    panesOf(arrangement).every((noun) => nouns.includes(noun)),
  );
  const named = [...chosen, ...known, ...own];
  // Of two with one name the later is meant.
  return [...new Map(named.map((view) => [view.name, view])).values()];
}

/** The view that the flags and the config ask for; undefined: none. @throws {UsageError} when there is none such */
export function startView(config: Pick<Config, 'view' | 'panes'>, views: readonly View[]): View | undefined {
  const name = config.panes === undefined ? config.view : 'panes';
  if (name === undefined) return;
  const view = views.find((one) => one.name === name);
  if (view) return view;
  const names = views.map((one) => one.name);
  throw new UsageError(`There is no view \`${name}\``, {
    hint: `${didYouMean(name, names)}Known: ${names.join(', ')}`,
  });
}

export function panesOf(arrangement: Arrangement): readonly string[] {
  if (arrangement.kind === 'all') return [];
  if (arrangement.kind === 'focus') return [arrangement.main, ...arrangement.side];
  return arrangement.rows.flatMap(({ panes }) => panes.map(({ noun }) => noun));
}

/** `topic:2` is a pane twice as broad as its neighbours. */
function rowsOf(rows: readonly (readonly string[])[]): Arrangement {
  return {
    kind: 'rows',
    rows: rows.map((row) => ({
      panes: row.map((text) => {
        const [noun = '', weight] = text.split(':');
        return weight === undefined ? { noun } : { noun, weight: Number(weight) };
      }),
    })),
  };
}

function evenly(nouns: readonly string[]): readonly (readonly string[])[] {
  const inRow = nouns.length <= 2 ? 2 : Math.ceil(nouns.length / Math.ceil(nouns.length / 3));
  return Array.from({ length: Math.ceil(nouns.length / inRow) }, (_, row) =>
    nouns.slice(row * inRow, (row + 1) * inRow),
  );
}

/** The tiles as rows that can be changed. */
export function rowsFrom({ tiles }: Layout): readonly PaneRow[] {
  const tops = [...new Set(tiles.map(({ top }) => top))];
  return tops.map((top) => ({
    panes: tiles.filter((tile) => tile.top === top).map(({ noun }) => ({ noun })),
  }));
}

export type PaneAct = 'wider' | 'narrower' | 'higher' | 'lower' | 'left' | 'right' | 'up' | 'down' | 'equal';

/** Changes the rows about one pane. */
export function arranged(rows: readonly PaneRow[], noun: string, act: PaneAct): readonly PaneRow[] {
  const at = rows.findIndex(({ panes }) => panes.some((pane) => pane.noun === noun));
  const row = rows[at];
  if (!row) return rows;
  const place = row.panes.findIndex((pane) => pane.noun === noun);
  const withRow = (next: PaneRow): readonly PaneRow[] => rows.with(at, next);
  if (act === 'equal')
    return rows.map(({ panes }) => ({ panes: panes.map((pane) => ({ noun: pane.noun })) }));
  if (act === 'wider' || act === 'narrower') {
    const panes = row.panes.map((pane) =>
      pane.noun === noun ? { ...pane, weight: resized(pane.weight, act === 'wider') } : pane,
    );
    return withRow({ ...row, panes });
  }
  if (act === 'higher' || act === 'lower') {
    return withRow({ ...row, weight: resized(row.weight, act === 'higher') });
  }
  if (act === 'left' || act === 'right') {
    const to = place + (act === 'right' ? 1 : -1);
    const other = row.panes[to];
    const own = row.panes[place];
    return own && other ? withRow({ ...row, panes: row.panes.with(place, other).with(to, own) }) : rows;
  }
  const to = at + (act === 'down' ? 1 : -1);
  const own = row.panes.filter((pane) => pane.noun === noun);
  const left = withRow({ ...row, panes: row.panes.filter((pane) => pane.noun !== noun) });
  const target = rows[to];
  const moved = target
    ? left.with(to, { ...target, panes: [...target.panes, ...own] })
    : to < 0
      ? [{ panes: own }, ...left]
      : [...left, { panes: own }];
  return moved.filter(({ panes }) => panes.length > 0);
}

/** Adds the pane to the last row, or takes it away; the last one stays. */
export function toggled(rows: readonly PaneRow[], noun: string): readonly PaneRow[] {
  const without = rows
    .map((row) => ({ ...row, panes: row.panes.filter((pane) => pane.noun !== noun) }))
    .filter(({ panes }) => panes.length > 0);
  const isThere = rows.some(({ panes }) => panes.some((pane) => pane.noun === noun));
  if (isThere) return without.length === 0 ? rows : without;
  const shortest = rows.reduce(
    (best, { panes }, index) => (panes.length <= (rows[best]?.panes.length ?? 0) ? index : best),
    0,
  );
  const row = rows[shortest];
  return row ? rows.with(shortest, { ...row, panes: [...row.panes, { noun }] }) : [{ panes: [{ noun }] }];
}

function resized(weight = 1, isMore: boolean): number {
  const next = Math.round((isMore ? weight * 1.25 : weight / 1.25) * 100) / 100;
  return Math.min(8, Math.max(0.2, next));
}
