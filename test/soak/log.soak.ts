import { expect, test } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { sumOf } from '../log/counts.ts';
import { runFleet } from '../log/fleet.ts';

const server = await redisForThisFile();

test('eight processes, a million messages, an hour that ends under load: none lost', async () => {
  const { written, durationMs, current, last } = await runFleet(server, {
    processes: 8,
    messages: 1_000_000,
  });
  const [now, before] = [sumOf(current), sumOf(last)];
  process.stdout.write(
    `written ${written} in ${durationMs} ms; last hour ${before} + this hour ${now} = ${before + now}; ` +
      `${new Set([...Object.keys(current), ...Object.keys(last)]).size} templates\n`,
  );
  expect(written).toBe(1_000_000);
  expect(now).toBeGreaterThan(0);
  expect(before).toBeGreaterThan(0);
  expect(now + before).toBe(1_000_000);
  expect(new Set([...Object.keys(current), ...Object.keys(last)]).size).toBe(40);
});
