import type { Config } from '../config.ts';
import type { CommandContext } from '../features/feature.ts';
import { serverName } from '../frames/frame-file.ts';

/** What the audit trail has of acts on these servers. It is loaded by whoever asks for it. */
export function auditedOn({ urls, stateDirectory }: Config): NonNullable<CommandContext['audited']> {
  return async () => {
    const { readAudit } = await import('./audit-trail.ts');
    const servers = new Set(urls.map(serverName));
    const { acts, unread } = readAudit(stateDirectory);
    return { acts: acts.filter(({ server }) => servers.has(server)), unread };
  };
}
