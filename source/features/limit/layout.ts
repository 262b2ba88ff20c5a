import { isFull, type Meter } from './state.ts';

/** From this width on everything about a meter stands on one line. */
export const tableColumns = 56;

export type Block = { readonly meter: Meter; readonly hasDetail: boolean; readonly isSelected: boolean };

/** Which meters fit into `rows` lines, with a second line for those that refuse and for the selected one. */
export function layOut(meters: readonly Meter[], rows: number, selected: number): readonly Block[] {
  const blocks = meters.map((meter, index) => {
    const isSelected = index === selected;
    return { meter, isSelected, hasDetail: isFull(meter) || isSelected };
  });
  const lines = ({ hasDetail }: Block): number => (hasDetail ? 2 : 1);
  let start = 0;
  const before = blocks.slice(0, selected + 1);
  let needed = before.reduce((sum, block) => sum + lines(block), 0);
  for (const block of before) {
    if (needed <= rows) break;
    needed -= lines(block);
    start += 1;
  }
  const fitting: Block[] = [];
  let left = rows;
  for (const block of blocks.slice(Math.min(start, Math.max(0, selected)))) {
    if (left < 1) break;
    fitting.push(left < lines(block) ? { ...block, hasDetail: false } : block);
    left -= lines(block);
  }
  return fitting;
}
