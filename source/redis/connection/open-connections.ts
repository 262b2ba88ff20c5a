import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import { startEmbedded } from '../embedded.ts';
import { type Connection, connect } from './connect.ts';

/** The connections the settings ask for, or those of a private server. */
export async function openConnections(
  config: Config,
  isOffline = false,
): Promise<readonly [Connection, ...Connection[]]> {
  const reachable =
    config.embedded && !isOffline ? { ...config, urls: [await startEmbedded(config)] } : config;
  const [first, ...others] = connect(reachable);
  if (!first) throw new UsageError('Expected at least one --url');
  return [first, ...others];
}
