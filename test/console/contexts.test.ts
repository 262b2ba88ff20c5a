import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { create } from '../../source/features/chat/room/chat.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-contexts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('production is marked, begins locked, is unlocked by its name, asks for names, and leaves a trail', async () => {
  const config = path.join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({ room: 'ops', contexts: { 'prod-eu': { url: [server.url], production: true } } }),
  );
  await create(redis, 'ops', ['ada']);
  await redis.set('lock:deploy', 'somebody', 'PX', 600_000);
  await redis.zadd('quarterdeck:lock', Date.now(), 'deploy');
  const play = startPlay({
    args: [cli, '--config', config, '--context', 'prod-eu', '--operator', 'ada'],
    columns: 120,
    rows: 40,
    env: { XDG_STATE_HOME: folder },
  });
  try {
    await play.shows(/ PRODUCTION prod-eu .*● live.*read-only/);
    play.press('6');
    await play.shows(/┏━ 6 lock/);
    play.press('x');
    await play.shows(/is not run under --read-only|read-only/);
    await vi.waitFor(() => expect(play.lines().at(-1)).toContain('lock break'));

    play.press(':', 'unlock --for 5m the deploy hangs', 'enter');
    await play.shows('Unlock prod-eu, which is production, for 5m');
    await play.shows('The reason: the deploy hangs.');
    await play.shows('Type prod-eu for yes');
    await play.answer('prod-eu');
    play.press('enter');
    await play.shows('prod-eu is unlocked for 5m');
    await play.hides(/● live.*read-only/);
    await vi.waitFor(async () =>
      expect(await redis.zrange('msgs:ops', '0', '-1')).toContainEqual(
        expect.stringContaining('* ada unlocked prod-eu for 5m00s: the deploy hangs'),
      ),
    );
    const env = { XDG_STATE_HOME: folder };
    expect((await runHere(['audit', '--json'], { env })).stdout).toMatch(
      /"command":"unlock","input":\{[^}]*"reason":"the deploy hangs"/,
    );

    play.press('x');
    await play.shows('Type deploy for yes');
    await play.answer('deplo');
    play.press('enter');
    await play.shows('Type deploy for yes, or press Esc for no');
    play.press('y', 'enter');
    await vi.waitFor(async () => expect(await redis.exists('lock:deploy')).toBe(0));
    await vi.waitFor(async () =>
      expect(await redis.zrange('msgs:ops', '0', '-1')).toContainEqual(
        expect.stringMatching(/\* ada ran lock break on prod-eu: /),
      ),
    );
    play.press(':', 'relock', 'enter');
    await play.shows(/● live.*read-only/);
  } finally {
    await play.close();
  }
});
