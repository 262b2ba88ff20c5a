import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();
let play: Play;
beforeAll(async () => {
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    await redis.set(`lock:${name}`, `h${3 - index}`, 'PX', 600_000 * (index + 1));
    await redis.zadd('quarterdeck:lock', Date.now(), name);
  }
  play = startPlay({ args: [cli, '--url', server.url, '--operator', 'ada'], columns: 120, rows: 40 });
  await play.shows('● live');
  play.press('6');
  await play.shows(/1-3 of 3/);
});
afterAll(async () => await play.close());

test(':sort does by name what the keys do, completes columns, and says what there is', async () => {
  play.press(':', 'sort le\t', 'enter');
  await play.shows(/by left ▼/);
  await play.shows('lock by left desc');
  await play.shows(/held +c [\s\S]*held +b [\s\S]*held +a /);
  play.press(':', 'sort left asc', 'enter');
  await play.shows(/by left ▲/);
  await play.shows(/held +a [\s\S]*held +b [\s\S]*held +c /);
  play.press('o');
  await play.shows(/by left ▼/);
  play.press(':', 'sort', 'enter');
  await play.shows(/by need/);
  play.press(':', 'sort lft', 'enter');
  await play.shows(/lock has no column `lft`.*Did you mean.*left/i);
  play.press('1');
  await play.shows('● live');
  expect(play.lines().join('\n')).not.toContain('undefined');
});

test('/ in the help finds keys and commands, and Enter does what the line says', async () => {
  play.press('6');
  await play.shows(/┏━ 6 lock/);
  play.press('?');
  await play.shows('In every pane');
  play.press('/');
  await play.shows(/┏━ keys and commands/);
  play.press('everything shown');
  await play.shows(/> \* +mark everything shown/);
  play.press('enter');
  await play.shows('3 marked');
  play.press('esc');
  await play.hides('3 marked');
  play.press('?');
  await play.shows('In every pane');
  play.press('/', 'tpst');
  await play.shows(/> topic status/);
  play.press('enter');
  await play.shows(': topic status ▏');
  play.press('esc');
  await play.hides(': topic status');
  play.press('?');
  await play.shows('In every pane');
  play.press('/', 'zzzz');
  await play.shows('No key and no command is called or does so');
  play.press('esc');
  await play.hides('keys and commands');
});

test('whoever hears the screen hears what was found', async () => {
  const args = [cli, '--url', server.url, '--operator', 'ada', '--screen-reader'];
  const reader = startPlay({ args, columns: 200, rows: 60 });
  try {
    await reader.shows('q leaves');
    reader.press('?');
    // More than one screen: what has scrolled by was said all the same.
    await vi.waitFor(() => expect(reader.raw()).toContain('In every pane'), 45_000);
    reader.press('/', 'everything shown');
    await reader.shows(/1 found, first: \*, mark everything shown/);
    reader.press('esc');
  } finally {
    await reader.close();
  }
});
