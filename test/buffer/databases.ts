import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startPostgres } from '../helpers/postgres.ts';

/** One database of each kind that flushes can write to, with what the shared suites ask of it. */
export type Database = {
  readonly to: string;
  run(sql: string): Promise<Record<string, unknown>[]>;
  /** Rows of a table of `id` and `count`. */
  counts(table: string, column?: string): Promise<Record<string, number>>;
  /** How many flushers the database still serves, dead ones included. */
  flushers(): Promise<number>;
  close(): Promise<void>;
};

export const databases: Readonly<Record<'sqlite' | 'postgres', () => Promise<Database>>> = {
  async sqlite() {
    const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sqlite-'));
    const file = path.join(directory, 'counts.db');
    const run: Database['run'] = async (sql) => {
      const db = new DatabaseSync(file, { timeout: 5000 });
      try {
        return db.prepare(sql).all();
      } finally {
        db.close();
      }
    };
    await run('PRAGMA journal_mode = WAL');
    return {
      to: `sqlite:${file}`,
      run,
      counts: countsBy(run),
      flushers: async () => 0,
      close: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
  async postgres() {
    const server = await startPostgres();
    return {
      to: server.url(),
      run: (sql) => server.query(sql),
      counts: countsBy((sql) => server.query(sql)),
      async flushers() {
        const [row] = await server.query(
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'quarterdeck buffer flush'",
        );
        return Number(row?.n);
      },
      close: () => server.close(),
    };
  },
};

function countsBy(run: Database['run']): Database['counts'] {
  return async (table, column = 'count') => {
    const rows = await run(`SELECT id, "${column}" AS n FROM ${table} ORDER BY id`);
    return Object.fromEntries(rows.map((row) => [String(row.id), Number(row.n)]));
  };
}
