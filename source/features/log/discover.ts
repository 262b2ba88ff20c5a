import { type Client, masters } from '../../redis/client.ts';
import { scan } from '../../redis/scan.ts';
import { joinLogName, type LogName, logOf } from './keys.ts';

/** Logs by their keys alone, such as those that only other programs write: a slow SCAN of every server. */
export async function discover(redis: Client, signal: AbortSignal): Promise<LogName[]> {
  const found = new Map<string, LogName>();
  for (const server of await masters(redis)) {
    for await (const keys of scan(server, { match: 'common:*:start', type: 'string', signal })) {
      for (const key of keys) {
        const log = logOf(redis, key.slice(0, -':start'.length));
        if (log) found.set(joinLogName(log), log);
      }
    }
  }
  return [...found.values()];
}
