/** What the library offers of write buffers: `import { buffer } from 'quarterdeck'`. */
export { IncrementBuffer, type IncrementBufferOptions, increment } from './buffer.ts';
export { discover } from './discover.ts';
export * from './errors.ts';
export { type Flushed, type FlushOptions, flush, hasWork } from './flush.ts';
export { type FlusherOptions, type FlushRun, flushOnce, keepFlushing } from './flusher.ts';
export { openTarget } from './open-target.ts';
export { type Foreign, glance, type Pending, pendingOf } from './pending.ts';
export type { Status } from './status.ts';
export type { Batch, FlushStep, OnStep, Row, Target, TargetOptions } from './target.ts';
