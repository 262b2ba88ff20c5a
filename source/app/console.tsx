import type { Config } from '../config.ts';

/** Opens the console and resolves with its exit code. (Placeholder until the shell lands beside it.) */
export async function runConsole(_config: Config): Promise<number> {
  return 2;
}
