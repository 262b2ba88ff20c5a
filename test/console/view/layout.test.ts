import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { innerOf, layOut, shares, type Tile } from '../../../source/console/view/layout.ts';

const nouns = ['chat', 'ship', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer', 'sync', 'shards'];
const panesOf = (count: number) =>
  nouns.slice(0, count).map((noun) => ({ noun, breadth: noun === 'log' ? 2 : 1 }));
const lay = (columns: number, rows: number, count: number, isZoomed = false, focus = 'chat') =>
  layOut({ columns, rows, panes: panesOf(count), focus, isZoomed });

/** Every cell of the area is covered once. */
function expectTiled(
  tiles: readonly Tile[],
  area: { left: number; top: number; columns: number; rows: number },
) {
  const cells = tiles.reduce((sum, { columns, rows }) => sum + columns * rows, 0);
  expect(cells).toBe(area.columns * area.rows);
  for (const [index, one] of tiles.entries()) {
    expect(one.left).toBeGreaterThanOrEqual(area.left);
    expect(one.top).toBeGreaterThanOrEqual(area.top);
    expect(one.left + one.columns).toBeLessThanOrEqual(area.left + area.columns);
    expect(one.top + one.rows).toBeLessThanOrEqual(area.top + area.rows);
    for (const other of tiles.slice(index + 1)) {
      const isApart =
        one.left + one.columns <= other.left ||
        other.left + other.columns <= one.left ||
        one.top + one.rows <= other.top ||
        other.top + other.rows <= one.top;
      expect(isApart).toBe(true);
    }
  }
}

test('at every size from 40x10 to 400x100 the panes tile the area exactly and have room to say something', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 40, max: 400 }),
      fc.integer({ min: 10, max: 100 }),
      fc.integer({ min: 1, max: 10 }),
      fc.boolean(),
      fc.constantFrom(...nouns),
      (columns, rows, count, isZoomed, focus) => {
        const { tiles, area, tabs } = lay(columns, rows, count, isZoomed, focus);
        expectTiled(tiles, area);
        const top = (rows >= 16 ? 2 : 1) + (tabs ? 1 : 0);
        expect(area).toEqual({ left: 0, top, columns, rows: rows - top - 1 });
        for (const tile of tiles) {
          const inner = innerOf(tile);
          expect(inner.columns).toBeGreaterThanOrEqual(26);
          expect(inner.rows).toBeGreaterThanOrEqual(5);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

describe('which layout', () => {
  test.each([
    [80, 24, 10, 'tabs', 1],
    [40, 10, 10, 'tabs', 1],
    [80, 24, 2, 'tabs', 1],
    [40, 10, 1, 'grid', 1],
    [80, 40, 2, 'grid', 2],
    [120, 40, 10, 'grid', 10],
    [120, 40, 2, 'grid', 2],
    [120, 40, 3, 'grid', 3],
    [200, 60, 10, 'grid', 10],
    [400, 100, 10, 'grid', 10],
  ])('%ix%i with %i panes: %s', (columns, rows, count, kind, shown) => {
    const layout = lay(columns, rows, count);
    expect(layout.kind).toBe(kind);
    expect(layout.tiles).toHaveLength(shown);
    expect(layout.tabs).toBe(kind === 'tabs');
  });

  test('120x40 with ten panes is the grid of four rows', () => {
    const { tiles } = lay(120, 40, 10);
    expect(
      tiles.map(({ noun, left, top, columns, rows }) => `${noun} ${columns}x${rows}+${left}+${top}`),
    ).toEqual([
      'chat 60x12+0+2',
      'ship 60x12+60+2',
      'log 60x9+0+14',
      'limit 30x9+60+14',
      'hits 30x9+90+14',
      'lock 60x8+0+23',
      'topic 60x8+60+23',
      'buffer 40x8+0+31',
      'sync 40x8+40+31',
      'shards 40x8+80+31',
    ]);
  });

  test('zoomed, the focused pane has everything', () => {
    const { tiles, tabs } = lay(120, 40, 10, true, 'topic');
    expect(tiles.map(({ noun }) => noun)).toEqual(['topic']);
    expect(tabs).toBe(true);
  });
});

test('shares add up and keep their proportions', () => {
  fc.assert(
    fc.property(
      fc.nat(500),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      (length, weights) => {
        const parts = shares(length, weights);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(length);
        for (const [index, part] of parts.entries()) {
          expect(Math.abs(part - (length * (weights[index] ?? 0)) / total)).toBeLessThan(1.000_001);
        }
      },
    ),
  );
});
