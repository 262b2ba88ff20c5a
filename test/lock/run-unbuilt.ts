import { readConfig } from '../../source/config.ts';
import { runLocked } from '../../source/features/lock/run.ts';

/** `lock run` from the sources: the keeper's thread is then a TypeScript file that imports Lua. */
const [url = '', ...commandLine] = process.argv.slice(2);
const config = readConfig({ url: [url] }, {});
const ran = await runLocked({ config, name: 'unbuilt', ttlMs: 5000, waitMs: 0, label: '', commandLine });
process.exitCode = ran.name === 'ran' ? ran.exitCode : 99;
