/** What programs get of locks, as `lock`. */
export { breakLock, extend, release } from './by-token.ts';
export { LockLostError, LockTtlError } from './errors.ts';
export { acquire, type Held, hold, type LockOptions } from './lock.ts';
export { type LockFigures, list } from './survey.ts';
export type { Owner } from './token.ts';
