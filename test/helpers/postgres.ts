import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

/** A private PostgreSQL cluster on a unix socket: no port to collide, gone with the test file. */
export type PostgresServer = {
  /** As the superuser `postgres`, who needs no password here. */
  url(database?: string): string;
  /** The same socket for another user; every user but `postgres` must give a password. */
  urlOf(user: string, password?: string): string;
  readonly directory: string;
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGQUIT: as if the machine went down, for everyone who is connected. `start()` recovers. */
  crash(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  start(): Promise<void>;
  close(): Promise<void>;
};

export async function startPostgres(): Promise<PostgresServer> {
  const bin = binaries();
  // postgres refuses to run as root; its package comes with a user of its own.
  const identity = process.getuid?.() === 0 ? idsOf('postgres') : undefined;
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-pg-'));
  if (identity) chownSync(directory, identity.uid, identity.gid);
  const data = path.join(directory, 'data');
  execFileSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...identity, cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const access = path.join(data, 'pg_hba.conf');
  writeFileSync(
    access,
    `local all postgres trust\nlocal all all scram-sha-256\n${readFileSync(access, 'utf8')}`,
  );
  appendFileSync(path.join(data, 'postgresql.conf'), "\nlisten_addresses = ''\nshared_buffers = 16MB\n");

  let child: ChildProcess | undefined;
  let errors = '';
  const urlOf = (user: string, password?: string, database = 'postgres'): string =>
    `postgres://${user}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@localhost/${database}` +
    `?host=${encodeURIComponent(directory)}`;
  const url = (database?: string): string => urlOf('postgres', undefined, database);
  const query = async (sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: url() });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Record<string, unknown>[];
    } finally {
      await client.end().catch(() => {});
    }
  };
  const start = async (): Promise<void> => {
    errors = '';
    const started = spawn(path.join(bin, 'postgres'), ['-D', data, '-k', directory, '-F'], {
      ...identity,
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.stderr.on('data', (text: Buffer) => {
      errors = (errors + text.toString()).slice(-4000);
    });
    child = started;
    for (;;) {
      if (started.exitCode !== null) throw new Error(`postgres exited with ${started.exitCode}: ${errors}`);
      const isUp = await query('SELECT 1').then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await wait(20);
    }
  };
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGCONT');
    running.kill(signal);
    await exited;
  };
  await start();

  return {
    url,
    urlOf,
    directory,
    query,
    crash: () => stop('SIGQUIT'),
    signal: (signal) => child?.kill(signal),
    start,
    async close() {
      await stop('SIGQUIT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Where `initdb` and `postgres` are: Debian keeps them out of PATH, Homebrew under the formula. */
function binaries(): string {
  const debian = existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((one, other) => Number(other) - Number(one))
        .map((version) => `/usr/lib/postgresql/${version}/bin`)
    : [];
  const brew = ['/opt/homebrew/opt', '/usr/local/opt'].flatMap((prefix) =>
    existsSync(prefix)
      ? readdirSync(prefix)
          .filter((name) => /^postgresql(@\d+)?$/.test(name))
          .map((name) => path.join(prefix, name, 'bin'))
      : [],
  );
  const found = [...debian, ...asked(), ...brew].find((directory) =>
    existsSync(path.join(directory, 'initdb')),
  );
  if (found === undefined) throw new Error('These tests need PostgreSQL: apt-get install postgresql');
  return found;
}

function asked(): string[] {
  try {
    return [
      execFileSync('pg_config', ['--bindir'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim(),
    ];
  } catch {
    return [];
  }
}

function idsOf(user: string): { uid: number; gid: number } {
  const ask = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
}
