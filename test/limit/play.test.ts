import { afterEach, beforeEach, expect, test } from 'vitest';
import { Limiter } from '../../source/features/limit/limit.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, expectRestored, type Play, startPlay } from '../helpers/terminal.ts';

let server: RedisServer;
let play: Play;
beforeEach(async () => {
  server = await startRedis();
  const redis = server.client();
  const limiter = new Limiter(redis, { max: 20, perMs: 86_400_000 });
  await limiter.hit('key:7f3', 20);
  await limiter.hit('key:7f3');
  await limiter.hit('key:a10', 13);
  await limiter.close();
});
afterEach(async () => {
  await play.close();
  await server.close();
});

test('an operator filters, resets a subject after being asked, and sees it gone', async () => {
  play = startPlay({ args: [cli, '--url', server.url], columns: 100, rows: 30 });
  await play.shows(/(\d) limit/);
  play.press(/(\d) limit/.exec(play.lines().join('\n'))?.[1] ?? '');
  await play.shows(/┏━ \d limit(?: !\d+)? {2}1 full/);
  await play.shows(/FULL +key:7f3 .*20\/20.* 1 /);
  await play.shows(/key:a10 .*13\/20/);

  play.press('/');
  play.press('a', '1', '0', 'enter');
  await play.hides(/FULL +key:7f3 .*20/);
  await play.shows('/a10 1 of 2');
  play.press('/');
  await play.shows(/^ \/ a10/m);
  play.press('ctrl+u', 'enter');
  await play.shows(/FULL +key:7f3 .*20/);

  play.press('x');
  await play.shows('Give key:7f3 all of its limits back? What it has used counts no more.');
  await play.answer('n');
  await play.hides('all of its limits back?');
  await play.shows('20/20');

  play.press('x');
  await play.shows('all of its limits back?');
  await play.answer('y');
  await play.shows('key:7f3 has its limit back');
  await play.hides('20/20');
  await play.shows(/┏━ \d limit ━/);
  // What it had used is kept for an hour, so that the reset can be taken back.
  expect((await server.client().keys('limit:*')).filter((key) => !key.includes(':reset:'))).toEqual([
    'limit:key:a10:fixed:86400000',
  ]);
  play.press('q');
  expect((await play.ended()).exitCode).toBe(0);
  expectRestored(play);
});
