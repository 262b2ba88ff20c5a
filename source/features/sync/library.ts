/** What the library offers of sync: `import { sync } from 'quarterdeck'`. */
export * from './errors.ts';
export { forgetTarget } from './forget.ts';
export type { RunnerOptions, SyncEvent } from './options.ts';
export { type ResumeOptions, resumeTarget } from './resume.ts';
export { runSync } from './runner/run.ts';
export { status, type TargetStatus } from './status.ts';
export { notify, watch } from './watcher/watch.ts';
