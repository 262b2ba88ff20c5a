import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { finished, start } from '../helpers/cli.ts';
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

/** The input goes on, and nothing of it arrives: nobody learns of it from a command that only counts. */
const silent = [
  [['hits', 'add', 'web', '-'], '\n', /Not confirmed: 1 hit/],
  [['hits', 'add', '-'], 'web\t2\n', /Not confirmed: 2 hits/],
  [['buffer', 'incr', 'page', '-'], '/a\t2\n', /Not confirmed: 2 increments of page/],
  [['log', 'write', 'web', '-'], 'one\n', /Not confirmed: 1 message to web:info/],
] as const;

test.each(silent)(
  '%j ends while its input is silent, once a refusal has lasted for --timeout',
  async (words, line, said) => {
    const server = await ownServer();
    const pass = await refuseWrites(server);
    const child = start([...words, '--timeout', '1s'], { url: server.url });
    child.stdin?.write(line);
    const { code, stderr } = await finished(child);
    await pass();
    expect(stderr).toMatch(said);
    expect(stderr).toContain('could not save to its disk');
    expect(code).toBe(3);
  },
);

test.each(silent)('%j ends at once with what it may not do', async (words, line, said) => {
  const server = await ownServer();
  await server.client().call('ACL', 'SETUSER', 'default', '-@scripting');
  const child = start([...words, '--timeout', '1h'], { url: server.url });
  child.stdin?.write(line);
  const { code, stderr } = await finished(child);
  expect(stderr).toMatch(said);
  expect(stderr).toMatch(/Redis does not allow this user the command `EVAL/);
  expect(code).toBe(3);
});
