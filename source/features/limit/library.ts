/** What programs that limit without the screen import. */
export type { Verdict } from './check.ts';
export { type Demand, hitAll } from './hit-all.ts';
export { LeasedLimiter } from './lease.ts';
export { Limiter, type LimiterOptions } from './limit.ts';
export { type LimitUse, list, reset } from './list.ts';
export type { Algorithm, Limit } from './rules.ts';
