import { type Client, isCluster } from './client.ts';
import { parseInfo } from './parse-info.ts';

/** Which server this is, as far as it says so. */
export type Server = {
  readonly name: 'redis' | 'valkey' | 'redict' | 'unknown';
  readonly version: string | undefined;
  /** Both, for people: `valkey 8.1.1`. */
  readonly label: string;
};

/** What INFO server says; servers that came from Redis still give the version of Redis they came from beside theirs. */
export function serverIn(info: Readonly<Record<string, string>>): Server {
  const own = info.server_name ?? (info.redict_version === undefined ? 'redis' : 'redict');
  const name = own === 'redis' || own === 'valkey' || own === 'redict' ? own : 'unknown';
  const version = info[`${own}_version`] ?? info.redis_version;
  return version === undefined
    ? { name: 'unknown', version, label: 'a server that does not give its version' }
    : { name, version, label: `${own} ${version}` };
}

/** Asks it; a server that refuses to say is unknown. */
export async function serverOf(client: Client): Promise<Server> {
  try {
    const server = isCluster(client) ? client.nodes('master')[0] : client;
    return serverIn(parseInfo((await server?.info('server')) ?? ''));
  } catch {
    return serverIn({});
  }
}

/** Older than the first that knows `#!lua`, the flags of scripts. */
export function tooOldFor({ name, version }: Server): boolean {
  const major = Number(version?.split('.')[0]);
  return name !== 'unknown' && major < 7;
}
