import { expect, test } from 'vitest';
import { startRedis } from '../helpers/redis-server.ts';
import { databases } from './databases.ts';
import { killRounds, onePoisonAmong } from './kill-rounds.ts';

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
      const { killed, inSql, aside, sent } = await onePoisonAmong(server, database, { ids: 2000, at });
      expect({ killed, aside, total: inSql + aside }).toEqual({ killed: 3, aside: 3, total: sent });
    } finally {
      await Promise.all([server.close(), database.close()]);
    }
  },
);
