import type { AnyCommand } from './run-command.ts';

/**
 * Commands about the whole console rather than one feature, by name, that work in its palette too; each is loaded
 * when it is called.
 */
export const consoleCommands: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand,
  watch: async () => (await import('./watch.ts')).watchCommand,
  needs: async () => (await import('./needs/needs-command.ts')).needsCommand,
  ack: async () => (await import('./needs/needs-command.ts')).ackCommand,
  unack: async () => (await import('./needs/needs-command.ts')).unackCommand,
  completion: async () => (await import('./completion.ts')).completionCommand(consoleCommands),
  schema: async () => (await import('./schema.ts')).schemaCommand(consoleCommands),
  ping: async () => (await import('./ping.ts')).pingCommand,
  metrics: async () => (await import('./metrics/metrics.ts')).metricsCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  queue: async () => (await import('./queues/queue-command.ts')).queueCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  acl: async () => (await import('./acl.ts')).aclCommand,
  config: async () => (await import('./show-config.ts')).configCommand,
};
