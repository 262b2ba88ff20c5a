import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import { startEmbedded } from '../embedded.ts';
import { type Connection, connect } from './connect.ts';
import { noConnection } from './no-connection.ts';

/** The connections the settings ask for, or those of a private server; offline none of them is opened. */
export async function openConnections(
  config: Config,
  isOffline = false,
): Promise<readonly [Connection, ...Connection[]]> {
  const reachable =
    config.embedded && !isOffline ? { ...config, urls: [await startEmbedded(config)] } : config;
  const [first, ...others] = isOffline ? withoutRedis(config) : connect(reachable);
  if (!first) throw new UsageError('Expected at least one --url');
  return [first, ...others];
}

function withoutRedis({ urls, cluster, sentinel }: Config): readonly Connection[] {
  const [first = ''] = urls;
  if (cluster) return [noConnection(first, 'cluster')];
  if (sentinel !== undefined) return [noConnection(first, 'sentinel')];
  return urls.map((url) => noConnection(url));
}
