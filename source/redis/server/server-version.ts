import type { Client } from '../client.ts';
import { parseInfo } from './parse-info.ts';

/** Which server this is, as far as it answers. */
export type Server = {
  readonly name: 'redis' | 'valkey' | 'redict' | 'unknown';
  readonly version: string | undefined;
  /** Both, for people: `valkey 8.1.1`. */
  readonly label: string;
};

/** What INFO server says; servers that came from Redis give, beside theirs, the version of Redis they came from. */
export function serverIn(info: Readonly<Record<string, string>>): Server {
  const own = info.server_name ?? (info.redict_version === undefined ? 'redis' : 'redict');
  const name = own === 'redis' || own === 'valkey' || own === 'redict' ? own : 'unknown';
  const version = info[`${own}_version`] ?? info.redis_version;
  return version === undefined
    ? { name: 'unknown', version, label: 'a server that does not give its version' }
    : { name, version, label: `${own} ${version}` };
}

/** Asks it; one that does not say, or not to this user, is unknown. */
export async function serverOf(client: Client): Promise<Server> {
  try {
    // A cluster asks any of its nodes.
    return serverIn(parseInfo(await client.info('server')));
  } catch {
    return serverIn({});
  }
}

/** Older than the first that knows `#!lua`, the flags of scripts. */
export function isTooOld({ name, version }: Server): boolean {
  return name !== 'unknown' && Number(version?.split('.')[0]) < 7;
}
