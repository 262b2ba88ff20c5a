import { expect, test } from 'vitest';
import { errorOf, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

test('a server that answers is exit 0, with what it is', async () => {
  const { code, stdout, stderr } = await run(['ping', '--json'], { url: server.url });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual([
    {
      url: server.url,
      kind: 'standalone',
      state: 'up',
      program: expect.stringMatching(/^(redis|valkey)$/),
      version: expect.stringMatching(/^\d+\./),
      role: 'primary',
      latencyMs: expect.any(Number),
      error: null,
    },
  ]);
  expect((await run(['ping'], { url: server.url })).stdout).toMatch(
    / {2}up {2}\w+ \d.* {2}primary {2}[\d.]+ ms\n$/,
  );
});

test('one that does not is exit 3, within the time given', async () => {
  const alone = await run(['ping', '--json', '--timeout', '2s', '--url', 'redis://127.0.0.1:1']);
  expect(alone.code).toBe(3);
  expect(errorOf(alone).code).toBe('REDIS_UNREACHABLE');
});

test('of several each is there, and one that is down makes it exit 3', async () => {
  const urls = ['--url', server.url, '--url', 'redis://127.0.0.1:1'];
  const { code, stdout } = await run(['ping', '--json', '--timeout', '2s', ...urls]);
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject([
    { url: server.url, state: 'up' },
    {
      url: 'redis://127.0.0.1:1',
      state: 'down',
      latencyMs: null,
      error: expect.stringContaining('ECONNREFUSED'),
    },
  ]);
});

test('a user who may not ask INFO gets an answer, without what it is', async () => {
  await server.client().call('ACL', 'SETUSER', 'least', 'on', '>secret', '+@all', '-info');
  const env = { QUARTERDECK_PASSWORD: 'secret', QUARTERDECK_USER: 'least' };
  const { code, stdout } = await run(['ping', '--json'], { url: server.url, env });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ state: 'up', program: null, version: null, role: null }]);
});
