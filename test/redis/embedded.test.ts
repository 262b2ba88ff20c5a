import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
