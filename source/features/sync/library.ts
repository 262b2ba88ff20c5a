/** What the library offers of sync: `import { sync } from 'quarterdeck'`. */
export * from './errors.ts';
export { forgetTarget } from './forget.ts';
export type { RunnerOptions, SyncEvent } from './options.ts';
export { runSync } from './runner/runner.ts';
export { status, type TargetStatus } from './status.ts';
export { notify, watch } from './watcher/watch.ts';
