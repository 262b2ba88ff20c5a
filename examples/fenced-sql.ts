import type { DatabaseSync } from 'node:sqlite';

/**
 * A table that refuses whoever comes with an older fence than its row has seen: a holder that slept past its TTL
 * cannot undo what the next one wrote. The database compares and writes in one statement; nothing is left to timing.
 */
export function createFenced(database: DatabaseSync): void {
  database.exec('CREATE TABLE IF NOT EXISTS fenced (key TEXT PRIMARY KEY, value TEXT, fence INTEGER)');
}

/** False: refused, because somebody with a higher fence has written since. */
export function saveFenced(database: DatabaseSync, key: string, value: string, fence: number): boolean {
  const { changes } = database
    .prepare(
      `INSERT INTO fenced (key, value, fence) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, fence = excluded.fence
       WHERE fenced.fence <= excluded.fence`,
    )
    .run(key, value, fence);
  return Number(changes) === 1;
}
