import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { PaneSlot } from '../../source/app/pane-slot.tsx';
import type { Feature } from '../../source/features/feature.ts';
import { type Freshness, makeStore } from '../../source/store/store.ts';
import { StoreContext } from '../../source/store/use-store.ts';

export type Painted = {
  readonly columns: number;
  readonly rows: number;
  readonly focused?: boolean;
  readonly zoomed?: boolean;
  readonly freshness?: Freshness;
};

/** A feature's pane in its frame, as plain text: what its slice looks like at this size, in this state. */
export async function paneFrame<Slice>(
  feature: Feature<Slice>,
  slice: Slice,
  { columns, rows, focused = true, zoomed = false, freshness = { name: 'fresh', learnedAtMs: 0 } }: Painted,
): Promise<string> {
  const { noun } = feature;
  const store = makeStore({
    slices: { [noun]: slice },
    focus: noun,
    columns,
    rows,
    connection: { name: 'live', sinceMs: 0, attempt: 0, url: '', kind: 'standalone' },
  });
  store.setState(({ screen }) => ({
    freshness: { [noun]: freshness },
    screen: { ...screen, nowMs: 12_000 },
  }));
  const loaded = { feature, Pane: await feature.pane() };
  const tile = { noun, left: 0, top: 0, columns, rows, framed: rows >= 16 || columns < 40 };
  const frame = renderToString(
    <StoreContext value={store}>
      <PaneSlot loaded={loaded} place={0} tile={tile} focused={focused} zoomed={zoomed} />
    </StoreContext>,
    { columns },
  );
  return stripVTControlCharacters(frame);
}
