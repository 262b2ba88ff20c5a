import { expect, test } from 'vitest';
import { startRedis } from '../helpers/redis-server.ts';
import { databases } from './databases.ts';
import { killRounds, poisonAmong } from './kill-rounds.ts';

/** A short run of what test/soak/buffer.soak.ts does a thousand times. */
test.each(['sqlite', 'postgres'] as const)(
  '%s: SQL + pending + in flight is what was counted, wherever a flusher is killed',
  { timeout: 60_000 },
  async (kind) => {
    const [server, database] = await Promise.all([startRedis(), databases[kind]()]);
    try {
      const { killed } = await killRounds(server, database, 20);
      expect(killed).toBeGreaterThan(8);
    } finally {
      await Promise.all([server.close(), database.close()]);
    }
  },
);

test.each(['sqlite', 'postgres'] as const)(
  '%s: one bad id of 2,000 is set aside once, and nothing is lost, wherever a flusher is killed',
  { timeout: 120_000 },
  async (kind) => {
    const [server, database] = await Promise.all([startRedis(), databases[kind]()]);
    try {
      const at = ['claimed', 'written', 'sql-committed'];
      const { killed, inSql, aside, sent } = await poisonAmong(server, database, { ids: 2000, bad: 1, at });
      expect({ killed, aside, total: inSql + aside }).toEqual({ killed: 3, aside: 3, total: sent });
    } finally {
      await Promise.all([server.close(), database.close()]);
    }
  },
);

/** More than are moved in one step; at once, when the next step was sent, and later. */
test.each([
  ['sqlite', -1],
  ['sqlite', 0],
  ['sqlite', 1],
  ['postgres', -1],
  ['postgres', 0],
  ['postgres', 1],
] as const)(
  '%s: 450 bad ids of 10,000 are set aside once each, when a flusher is killed between two parts of them (%i)',
  { timeout: 120_000 },
  async (kind, afterMs) => {
    const [server, database] = await Promise.all([startRedis(), databases[kind]()]);
    try {
      const figures = await poisonAmong(server, database, {
        ids: 10_000,
        bad: 450,
        at: ['put-back'],
        afterMs,
      });
      // Later it may have ended before it dies.
      expect(afterMs > 0 ? 1 : figures.killed).toBe(1);
      expect(figures).toMatchObject({ inSql: 9550, aside: 450, sent: 10_000 });
    } finally {
      await Promise.all([server.close(), database.close()]);
    }
  },
);
