import { expect, test } from 'vitest';
import { startRedis } from '../helpers/redis-server.ts';
import { databases } from './databases.ts';
import { killRounds } from './kill-rounds.ts';

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
