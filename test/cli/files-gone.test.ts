import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { kill, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();

test('a command whose files were removed while it ran ends with its first failure, and reports it', async () => {
  for (const words of ['chat create ops --members ann,bob', 'chat send ops hello --as bob'])
    expect(await run(words.split(' '), { url: server.url })).toMatchObject({ code: 0 });
  const root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-gone-'));
  cpSync('dist', path.join(root, 'dist'), { recursive: true });
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}');
  const words = ['chat', 'tail', 'ops', '--as', 'ann', '--url', server.url];
  const child = spawn(process.execPath, [path.join(root, 'dist/cli.js'), ...words], {
    env: { PATH: process.env.PATH, HOME: tmpdir(), XDG_CONFIG_HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  try {
    const [first] = await once(child.stdout, 'data');
    expect(String(first)).toContain('hello');
    rmSync(root, { recursive: true });
    const closed = once(child, 'close');
    await redis.flushall();
    const [code] = await closed;
    expect({ code, stderr }).toEqual({
      code: 70,
      stderr: 'quarterdeck: Its own files are gone: it was updated or removed while it ran. Start it again\n',
    });
  } finally {
    await kill(child);
  }
});
