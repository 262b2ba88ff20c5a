import { expect, test } from 'vitest';
import { crash } from '../topic/crash.ts';

test('a million messages, 300 kills, three server restarts', async () => {
  const result = await crash({
    messages: 1_000_000,
    kills: 300,
    restarts: 3,
    pauseMs: 1200,
    patienceMs: 300_000,
  });
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  expect(result.lastId).toBeGreaterThanOrEqual(1_000_000);
  for (const each of result.seen) {
    expect(each).toMatchObject({ last: result.lastId, missing: 0, unexplained: 0, gaps: 0, wrong: 0 });
  }
});
