import path from 'node:path';
import process from 'node:process';

/** Which database on which host a target names, for people: no password, and what comes from PG* variables said. */
export function placeOf(to: string): string {
  if (to.startsWith('sqlite:')) return `SQLite ${path.resolve(to.slice('sqlite:'.length))}`;
  if (!URL.canParse(to)) return 'a target that is no URL';
  const { username, hostname, port, pathname, searchParams } = new URL(to);
  // biome-ignore lint/style/noProcessEnv: the driver reads them, so a target means what they say
  const { PGHOST, PGPORT, PGDATABASE, PGUSER } = process.env;
  const host = searchParams.get('host') ?? (hostname || PGHOST || 'localhost');
  const user = decodeURIComponent(username) || PGUSER || 'the login user';
  const database = decodeURIComponent(pathname.slice(1)) || PGDATABASE || user;
  return `PostgreSQL database ${database} on ${host}:${port || PGPORT || '5432'} as ${user}`;
}
