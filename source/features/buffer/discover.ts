import { type Client, isCluster, masters } from '../../redis/client.ts';
import { scan } from '../../redis/scan.ts';
import { isOwnType } from './keys.ts';

/** Buffers by their keys alone, such as those that only other programs feed: a slow SCAN of every server. */
export async function discover(redis: Client, signal: AbortSignal): Promise<string[]> {
  const types = new Set<string>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { match: `${prefix}*`, type: 'zset', signal })) {
      for (const key of keys) {
        const type = typeOf(key, isCluster(redis));
        if (isOwnType(type)) types.add(type);
      }
    }
  }
  return [...types];
}

const prefix = 'pending:';

function typeOf(key: string, inCluster: boolean): string {
  const name = key.slice(prefix.length);
  return inCluster ? name.replace(/^\{([^{}]+)\}$/, '$1') : name;
}
