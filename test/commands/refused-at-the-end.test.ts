import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { start } from '../helpers/cli.ts';
import { ownServer, refuseWrites } from '../helpers/refusing-server.ts';

/** The end of stdin comes while the server refuses what passes by itself: what was read is sent once it does. */
test.each([
  [['hits', 'add', 'web', '-'], '\n\n\n', '3 added'],
  [['hits', 'add', '-'], 'web\t2\napi\t1\n', 'web  2 added'],
  [['buffer', 'incr', 'page', '-'], '/a\t2\n/b\t1\n', 'counted 2 lines, +3'],
  [['log', 'write', 'web', '-'], 'one\ntwo\n', '2 messages'],
] as const)('%j rides out a refusal at the end of its input', async (words, input, said) => {
  const server = await ownServer();
  const pass = await refuseWrites(server);
  const before = await refusals(server.client());
  const child = start([...words, '--timeout', '60s'], { url: server.url, stdin: input });
  let printed = '';
  child.stdout?.on('data', (chunk) => (printed += String(chunk)));
  child.stderr?.on('data', (chunk) => (printed += String(chunk)));
  const ended = once(child, 'close');
  await vi.waitFor(async () => expect(await refusals(server.client())).toBeGreaterThan(before + 1), 30_000);
  await pass();
  expect((await ended)[0], printed).toBe(0);
  expect(printed).toContain(said);
});

async function refusals(redis: { info(section: string): Promise<string> }): Promise<number> {
  return Number(/errorstat_MISCONF:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
}
