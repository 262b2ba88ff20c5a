import type { AnyCommand } from './run-command.ts';

/** Commands about the whole console rather than one feature, by name; each is loaded when it is called. */
export const consoleCommands: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand,
  watch: async () => (await import('./watch.ts')).watchCommand,
  config: async () => (await import('./show-config.ts')).configCommand,
  completion: async () => (await import('./completion.ts')).completionCommand(consoleCommands),
  demo: async () => (await import('./demo.ts')).demoCommand,
};
