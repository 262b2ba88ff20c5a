import type { AnyFeature } from '../../features/index.ts';
import type { Screen } from '../../store/store.ts';
import { type Layout, layOut } from './layout.ts';

export type LaidScreen = Pick<
  Screen,
  'columns' | 'rows' | 'focus' | 'isZoomed' | 'view' | 'empty' | 'wants' | 'guide'
>;

/** Who gets which cells of the screen as it stands. */
export function layoutOf(screen: LaidScreen, features: readonly AnyFeature[]): Layout {
  const { columns, rows, focus, isZoomed, view, empty, wants, guide } = screen;
  return layOut({
    columns,
    rows,
    panes: features.map(({ noun, breadth = 1 }) => ({ noun, breadth })),
    focus,
    isZoomed,
    arrangement: view.arrangement,
    empty,
    guide,
    ...(Object.keys(wants).length > 0 && { wants }),
  });
}
