import { type Client, masters } from '../../redis/client.ts';
import { nameInKey } from '../../redis/keys.ts';
import { scan } from '../../redis/scan.ts';
import { isOwnType } from './keys.ts';

/** Buffers by their keys alone, such as those that only other programs feed: a slow SCAN of every server. */
export async function discover(redis: Client, signal: AbortSignal): Promise<string[]> {
  const types = new Set<string>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { match: `${prefix}*`, type: 'zset', signal })) {
      for (const key of keys) {
        const type = nameInKey(redis, key.slice(prefix.length));
        if (type !== undefined && isOwnType(type)) types.add(type);
      }
    }
  }
  return [...types];
}

const prefix = 'pending:';
