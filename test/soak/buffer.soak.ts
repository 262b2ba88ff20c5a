import { expect, test } from 'vitest';
import { databases } from '../buffer/databases.ts';
import { killRounds, poisonAmong, steps } from '../buffer/kill-rounds.ts';
import { startRedis } from '../helpers/redis-server.ts';

const seeds = 1000;

test.each(['sqlite', 'postgres'] as const)('%s: a thousand flushers, killed at every step', async (kind) => {
  const [server, database] = await Promise.all([startRedis(), databases[kind]()]);
  try {
    const rounds = await killRounds(server, database, seeds);
    console.log(`${kind}: ${JSON.stringify(rounds)}`);
    for (const step of steps) expect(rounds.byStep[step] ?? 0, step).toBeGreaterThan(0);
  } finally {
    await Promise.all([server.close(), database.close()]);
  }
});

test.each(['sqlite', 'postgres'] as const)('%s: one bad id in 10,000, killed at every step', async (kind) => {
  const [server, database] = await Promise.all([startRedis(), databases[kind]()]);
  try {
    const figures = await poisonAmong(server, database, { ids: 10_000, bad: 1, at: steps });
    console.log(`${kind}: ${JSON.stringify(figures)}`);
    expect(figures.inSql + figures.aside).toBe(figures.sent);
    expect(figures.aside).toBe(steps.length);
  } finally {
    await Promise.all([server.close(), database.close()]);
  }
});
