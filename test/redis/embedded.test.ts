import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, expect, test, vi } from 'vitest';
import { errorOf, run } from '../helpers/cli.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-embedded-'));
const env = { QUARTERDECK_EMBEDDED_DIRECTORY: directory };
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function server(stdout: string): { url: string; uptimeMs: number } {
  return (JSON.parse(stdout) as { server: { url: string; uptimeMs: number } }).server;
}

test('many starters at once share one server, which ends with its last user and keeps what was written', async () => {
  const runs = await Promise.all(
    Array.from({ length: 4 }, () => run(['snapshot', '--json', '--embedded'], { env })),
  );
  for (const { code, stdout, stderr } of runs) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(server(stdout).url).toBe(`unix://${directory}/redis.sock`);
  }
  await vi.waitFor(() => expect(existsSync(path.join(directory, 'redis.sock'))).toBe(false), 15_000);
  expect(existsSync(path.join(directory, 'appendonlydir'))).toBe(true);
});

/** A look into the private server from beside its users: who keeps it. */
async function inside(directory: string) {
  const redis = new Redis({ path: path.join(directory, 'redis.sock') });
  const clients = async () => String(await redis.client('LIST')).split('\n');
  return {
    redis,
    /** Their pids. */
    keepers: async () =>
      (await clients()).flatMap((line) => {
        const [, pid] = / name=quarterdeck:keeper:(\d+)/.exec(line) ?? [];
        return pid === undefined ? [] : [Number(pid)];
      }),
  };
}

test('a keeper that was killed is replaced by whoever joins next, and the server still ends', async () => {
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'quarterdeck-embedded-'));
  const joining = { env: { QUARTERDECK_EMBEDDED_DIRECTORY: elsewhere } };
  const words = ['snapshot', '--pane', 'lock', '--json', '--embedded'];
  expect((await run(words, joining)).code).toBe(0);
  const { redis, keepers } = await inside(elsewhere);
  const [keeper = 0, ...others] = await keepers();
  expect(others).toEqual([]);
  process.kill(keeper, 'SIGKILL');
  await vi.waitFor(async () => expect(await keepers()).toEqual([]), 5000);
  const joiners = Array.from({ length: 3 }, () => run(words, joining));
  for (const { code } of await Promise.all(joiners)) expect(code).toBe(0);
  expect(await keepers()).toEqual([expect.any(Number)]);
  redis.disconnect();
  await vi.waitFor(() => expect(existsSync(path.join(elsewhere, 'redis.sock'))).toBe(false), 15_000);
  rmSync(elsewhere, { recursive: true });
});

test('a starter that died half-way does not keep others from starting', async () => {
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'quarterdeck-embedded-'));
  const turn = path.join(elsewhere, 'starting.pid');
  // Killed between making the file and writing its pid into it.
  writeFileSync(turn, '');
  utimesSync(turn, 0, 0);
  const { code, stderr } = await run(['snapshot', '--json', '--embedded'], {
    env: { QUARTERDECK_EMBEDDED_DIRECTORY: elsewhere },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await vi.waitFor(() => expect(existsSync(path.join(elsewhere, 'redis.sock'))).toBe(false), 15_000);
  rmSync(elsewhere, { recursive: true });
});

test('without any server program it says what to install', async () => {
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'quarterdeck-embedded-'));
  const failed = await run(['snapshot', '--json', '--embedded'], {
    env: { PATH: '/nonexistent', QUARTERDECK_EMBEDDED_DIRECTORY: elsewhere },
  });
  expect(failed.code).toBe(3);
  expect(errorOf(failed)).toMatchObject({
    code: 'EMBEDDED_FAILED',
    hint: expect.stringContaining('Install redis-server'),
  });
  rmSync(elsewhere, { recursive: true });
});
