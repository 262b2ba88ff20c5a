import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

let server: RedisServer;
let client: Redis;
let plays: Play[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
afterAll(() => server.close());
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
  await client.flushall();
});

function open({ as = 'ada', columns = 120, rows = 40, args = [] as string[] } = {}): Play {
  const play = startPlay({ args: [cli, '--url', server.url, '--operator', as, ...args], columns, rows });
  plays.push(play);
  return play;
}

async function lockWithoutTtl(name: string): Promise<void> {
  await client.set(`lock:${name}`, 'somebody');
  await client.zadd('quarterdeck:lock', Date.now(), name);
}

test('what needs somebody shows at 80x24 though its pane is hidden, and one key goes to its row', async () => {
  await lockWithoutTtl('migrate');
  await client.set('lock:other', 'somebody', 'PX', 600_000);
  await client.zadd('quarterdeck:lock', Date.now() + 1, 'other');
  const play = open({ columns: 80, rows: 24 });
  await play.shows('! 1 needs you   6 migrate no TTL');
  await play.shows('6 lock!');
  expect(play.lines()[2]).toContain('1 chat');
  play.press('e');
  await play.shows(/6 lock !1/);
  await play.shows(/> no TTL +migrate/);
  await play.shows('Need 1 of 1: migrate no TTL');
});

test('the list of needs: acknowledged with a note, seen by others, and taken back', async () => {
  await lockWithoutTtl('migrate');
  await lockWithoutTtl('deploy');
  const ada = open();
  const bob = open({ as: 'bob', columns: 80, rows: 24 });
  await ada.shows('! 2 need you');
  await bob.shows('! 2 need you');
  ada.press('!');
  await ada.shows(/needs {2}2 open/);
  await ada.shows(/> warn +6 deploy/);
  ada.press('down', 'a');
  await ada.shows('on it, note ›');
  ada.press('the migration of Max', 'enter');
  await ada.shows(/migrate is yours until/);
  await ada.shows(/✓ +6 migrate +no TTL +ada, until \d\d:\d\d/);
  await bob.shows('! 1 needs you   6 deploy no TTL   1 acked');
  bob.press('!', 'end');
  await bob.shows('✓ ada: the migration of Max, until');
  bob.press('u');
  await ada.shows(/needs {2}2 open/);
  ada.press('s');
  await ada.shows('put it off for › 15m');
  ada.press('esc');
  await ada.shows('a I am on it');
  ada.press('enter');
  await ada.shows(/6 lock !2/);
});

test('under --read-only an acknowledgement is yours only', async () => {
  await lockWithoutTtl('migrate');
  const play = open({ args: ['--read-only'] });
  await play.shows('! 1 needs you');
  play.press('!', 'a');
  await play.shows('on it, note ›');
  play.press('enter');
  await play.shows('acknowledged here only');
  await play.shows('nothing needs you   1 acked');
  expect(await client.exists('quarterdeck:acks')).toBe(0);
});

test('a lost server is a need, and is none once it is back', async () => {
  const play = open();
  await play.shows('nothing needs you');
  await server.stop();
  await play.shows(/! 1 needs you +.*LOST/);
  await server.start();
  await play.shows('nothing needs you');
});

test('the title of the window tells how many there are, and is given back', async () => {
  await lockWithoutTtl('migrate');
  const play = open();
  await play.shows('! 1 needs you');
  expect(play.raw()).toContain('\u001B[22;2t');
  expect(play.raw()).toMatch(/\u001B\]2;!1 quarterdeck [^\u0007]*\u0007/);
  play.press('q');
  await play.ended();
  expect(play.raw()).toContain('\u001B[23;2t');
});
