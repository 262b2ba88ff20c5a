import process from 'node:process';
import { hideSecrets, readConfig } from '../config.ts';
import { UsageError } from '../errors.ts';
import { sanitise } from '../ui/text.ts';
import { makeContexts } from './contexts.ts';
import { runConsole } from './run-console.tsx';

/**
 * Opens the console with the global flags given and resolves with its exit code. The build makes one file of this and
 * all that the first frame needs: loading a hundred takes longer than painting.
 * @throws {UsageError} without a terminal, or when the configuration is wrong
 */
export async function openConsole(globals: Record<string, unknown>, env: NodeJS.ProcessEnv): Promise<number> {
  const config = readConfig(globals, env);
  const contexts = makeContexts(globals, { ...env });
  hideSecrets(env);
  for (const warning of config.warnings) process.stderr.write(`quarterdeck: ${sanitise(warning)}\n`);
  if (!process.stdout.isTTY || !process.stdin.isTTY) {
    throw new UsageError('The console needs a terminal', {
      code: 'NO_TERMINAL',
      hint: 'In a script use a command, such as `quarterdeck snapshot`; see `quarterdeck --help`',
    });
  }
  if (env.TERM === 'dumb' && !config.screenReader) {
    throw new UsageError('The console needs a terminal whose cursor it can move, and TERM is `dumb`', {
      code: 'NO_TERMINAL',
      hint: '`--screen-reader` opens it in any; commands work too, such as `quarterdeck snapshot`',
    });
  }
  return await runConsole(config, contexts);
}
