import { expect, test } from 'vitest';
import { crash } from './crash.ts';

test('kill -9 of publisher, subscribers and server loses nothing and keeps the order', async () => {
  const { lastId, promised, seen } = await crash({
    messages: 20_000,
    kills: 15,
    restarts: 1,
    pauseMs: 600,
    patienceMs: 20_000,
  });
  expect(lastId).toBeGreaterThanOrEqual(20_000);
  expect(promised).toBeGreaterThan(10_000);
  for (const each of seen) {
    expect(each).toMatchObject({ last: lastId, missing: 0, unexplained: 0, gaps: 0, wrong: 0 });
  }
}, 60_000);
