import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliOptions, run } from '../helpers/cli.ts';
import { freePort } from '../helpers/ports.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

const password = 'open-sesame';
let server: RedisServer;
let directory: string;
let port: number;
beforeAll(async () => {
  port = await freePort();
  server = await startRedis('--requirepass', password, '--port', String(port));
  directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-password-'));
  writeFileSync(path.join(directory, 'password'), `${password}\n`);
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Everything a command can see of how it was started: its environment, its words and those of the shell above it. */
const nosy = ['sh', '-c', 'env; tr "\\0" " " </proc/$$/cmdline; tr "\\0" "\\n" </proc/$$/environ'];
const guarded = (): string => `redis://:${password}@127.0.0.1:${port}`;

test.each<[how: string, words: () => readonly string[], options: () => CliOptions]>([
  ['QUARTERDECK_PASSWORD', () => [], () => ({ url: server.url, env: { QUARTERDECK_PASSWORD: password } })],
  [
    '--password-file',
    () => ['--password-file', path.join(directory, 'password')],
    () => ({ url: server.url }),
  ],
  ['--url', () => ['--url', guarded()], () => ({})],
  ['QUARTERDECK_URL', () => [], () => ({ url: guarded() })],
])(
  'lock run with a password from %s: the command is run under the lock, and does not see it',
  async (how, words, options) => {
    const name = how.replaceAll(/\W/g, '');
    const { code, stdout, stderr } = await run([...words(), 'lock', 'run', name, '--', ...nosy], options());
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining(`LOCK_NAME=${name}`) });
    expect(stdout + stderr).not.toContain(password);
  },
);

test('a wrong password is exit 3, and is not printed', async () => {
  const words = ['lock', 'run', 'x', '--', 'echo', 'ran'];
  const { code, stdout, stderr } = await run(words, {
    url: server.url,
    env: { QUARTERDECK_PASSWORD: 'wrong-one' },
  });
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).not.toContain('wrong-one');
});
