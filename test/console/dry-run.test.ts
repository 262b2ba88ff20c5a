import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();
let play: Play | undefined;
beforeEach(async () => {
  await redis.flushall();
  await redis.set('lock:deploy', 'somebody', 'PX', 600_000);
  await redis.zadd('quarterdeck:lock', Date.now(), 'deploy');
});
afterEach(async () => {
  await play?.close();
  play = undefined;
});

test.each([
  [120, 40],
  [80, 24],
  [200, 60],
])(
  'at %dx%d p shows what a yes would send, does nothing, and goes back to the question',
  async (columns, rows) => {
    play = startPlay({ args: [cli, '--url', server.url, '--operator', 'ada'], columns, rows });
    await play.shows('● live');
    play.press('6');
    await play.shows(/┏━ 6 lock/);
    play.press('x');
    await play.shows('p: dry run');
    await play.answer('p');
    await play.shows(/┏━ dry run of lock break/);
    await play.shows('Nothing was sent. As things are now it would send:');
    await play.shows(/key +lock:deploy +string, expires in 9m\d+s: somebody/);
    play.press('y');
    await play.shows('Nothing was sent');
    expect(await redis.exists('lock:deploy')).toBe(1);
    // A frame arrives in pieces.
    await play.hides('y: yes');
    play.press('esc');
    await play.shows('y: yes');
    await play.answer('y');
    await play.shows('Broke deploy');
    await vi.waitFor(async () => expect(await redis.exists('lock:deploy')).toBe(0));
  },
);

test('whoever hears the screen hears what would be sent, and is asked again', async () => {
  const args = [cli, '--url', server.url, '--operator', 'ada', '--screen-reader'];
  play = startPlay({ args, columns: 200, rows: 60 });
  await play.shows('q leaves');
  play.press('6');
  await play.shows(/6 lock, 1 of 1: deploy/);
  play.press('x');
  await play.shows('p is a dry run');
  await new Promise((resolve) => setTimeout(resolve, 250));
  play.press('p');
  await play.shows(/key +lock:deploy +string, expires in/);
  await play.shows('Escape goes back to the question');
  play.press('esc');
  await vi.waitFor(() => expect(play?.raw().match(/y is yes, n is no, p is a dry run/g)).toHaveLength(2));
  play.press('n');
  await play.shows('Not confirmed; nothing was done');
  expect(await redis.exists('lock:deploy')).toBe(1);
});
