import { type Client, isCluster } from '../../redis/client.ts';
import { masters } from '../../redis/connect.ts';
import { scan } from '../../redis/scan.ts';
import { type LogName, parseLogName } from './keys.ts';

/** Logs by their keys alone, such as those that only other programs write: a slow SCAN of every server. */
export async function discover(redis: Client, signal: AbortSignal): Promise<LogName[]> {
  const names = new Set<string>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { match: 'common:*:start', type: 'string', signal })) {
      for (const key of keys) names.add(nameOfKey(key.slice(0, -':start'.length), isCluster(redis)));
    }
  }
  return [...names].map(parseLogName);
}

/** `web:error` of `common:web:error`, or of `common:{web:error}` in Cluster. */
export function nameOfKey(key: string, inCluster: boolean): string {
  const name = key.slice('common:'.length);
  return inCluster ? name.replace(/^\{([^{}]+)\}$/, '$1') : name;
}
