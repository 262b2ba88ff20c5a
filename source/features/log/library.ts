/** What the library offers of logs: `import { log } from 'quarterdeck'`. */
export type { LogName } from './keys.ts';
export { type Common, common, type Entry, logs, type ReadOptions, recent } from './log.ts';
export type { RecentLine } from './recent-line.ts';
export { mask } from './template/mask.ts';
export { Miner } from './template/miner.ts';
export { LogWriter, type LogWriterOptions } from './writer.ts';
