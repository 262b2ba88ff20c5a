import { arrange, changeList, chosenRow, type List, type Listed, moveBy } from '../../source/ui/list.ts';

/** The list of a feature as a test looks at it, with the clock of the tests' slices. */
export function looking<Slice extends Listed, Row>(list: List<Slice, Row>, nowMs = 10_000_000) {
  return {
    move: (slice: Slice, by: number): Slice => moveBy(list, slice, by, nowMs),
    filterBy: (slice: Slice, filter: string): Slice => changeList(slice, { filter }),
    open: (slice: Slice, details: 'open' | 'full' = 'open'): Slice => changeList(slice, { details }),
    chosen: (slice: Slice): Row | undefined => chosenRow(list, slice, nowMs),
    shown: (slice: Slice): readonly Row[] => arrange(list, slice, nowMs).rows,
    index: (slice: Slice): number => arrange(list, slice, nowMs).index,
  };
}
