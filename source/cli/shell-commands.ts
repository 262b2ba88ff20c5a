import { consoleCommands } from '../commands/console-commands.ts';
import type { AnyCommand } from '../commands/run-command.ts';

/** Commands of the shell beside those of the features: the whole console's, and what makes sense before it opens. */
export const shellCommands: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  ...consoleCommands,
  completion: async () => (await import('../commands/completion.ts')).completionCommand(shellCommands),
  schema: async () => (await import('../commands/schema.ts')).schemaCommand(shellCommands),
  man: async () => (await import('./man.ts')).manCommand(shellCommands),
  replay: async () => (await import('./replay-command.ts')).replayCommand,
  demo: async () => (await import('../demo/demo.ts')).demoCommand,
};
