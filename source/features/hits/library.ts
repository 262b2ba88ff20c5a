/** What programs that count hits without the screen import. */
export { Hits, type HitsOptions } from './hits.ts';
export {
  type Overview,
  overview,
  type Points,
  type Sum,
  seriesNames as list,
  seriesPoints as points,
  sum,
  sumBetween,
  sumToday,
} from './read.ts';
export { seedPoints, seedSum } from './read-seed.ts';
