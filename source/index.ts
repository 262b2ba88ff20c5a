export * as buffer from './features/buffer/library.ts';
export * as chat from './features/chat/library.ts';
export { Hits, type HitsOptions } from './features/hits/hits.ts';
export {
  type Overview as HitsOverview,
  overview as hitsOverview,
  type Points,
  type Sum,
  seriesNames as hitsSeries,
  seriesPoints as hitsPoints,
  sum as sumHits,
  sumBetween as sumHitsBetween,
  sumToday as sumHitsToday,
} from './features/hits/read.ts';
export type { Verdict } from './features/limit/acts.ts';
export { LeasedLimiter } from './features/limit/lease.ts';
export { type Demand, hitAll, Limiter, type LimiterOptions } from './features/limit/limit.ts';
export { type LimitUse, list as limits, reset as resetLimit } from './features/limit/list.ts';
export type { Algorithm, Limit } from './features/limit/rules.ts';
export { acquire, type Held, hold, type LockOptions } from './features/lock/lock.ts';
export * as log from './features/log/library.ts';
export * as ship from './features/ship/library.ts';
export * as sync from './features/sync/library.ts';
export * as topic from './features/topic/library.ts';
