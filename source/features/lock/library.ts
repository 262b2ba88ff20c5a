/** What programs get of locks, as `lock`. */

export { LockLostError, LockTtlError } from './errors.ts';
export { list, type Status, status, type Waiter } from './inspect.ts';
export { acquire, type Held, hold, type LockOptions } from './lock.ts';
export type { Owner } from './token.ts';
export { breakLock, extend, release } from './token-commands.ts';
