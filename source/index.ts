export * as buffer from './features/buffer/library.ts';
export * as chat from './features/chat/library.ts';
export * as hits from './features/hits/library.ts';
export * as limit from './features/limit/library.ts';
export { acquire, type Held, hold, type LockOptions } from './features/lock/lock.ts';
export * as log from './features/log/library.ts';
export * as ship from './features/ship/library.ts';
export * as sync from './features/sync/library.ts';
export * as topic from './features/topic/library.ts';
