import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { create } from '../../source/features/chat/room/chat.ts';
import { publish } from '../../source/features/topic/publish.ts';
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

function open(...args: string[]): Play {
  const play = startPlay({ args: [cli, '--url', server.url, ...args], columns: 140, rows: 30 });
  plays.push(play);
  return play;
}

async function fillFive(): Promise<string[]> {
  await makeLocks();
  await client.zincrby('pending:views', 3, '7');
  await client.zadd('quarterdeck:buffer', Date.now(), 'views');
  await publish(client, 'news', ['a']);
  await create(client, 'ops', ['ada']);
  return ['--panes', 'lock,topic,buffer,chat,shards'];
}

async function makeLocks(): Promise<void> {
  for (const name of ['deploy', 'reindex']) {
    await client.set(`lock:${name}`, 'somebody', 'PX', 600_000);
    await client.zadd('quarterdeck:lock', Date.now(), name);
  }
}

test('what has nothing in it takes no tile, and comes with its first item', async () => {
  await makeLocks();
  const play = open();
  await play.shows(/─ nothing in ─ 1 chat ─ 2 ship ─ 3 log ─ 4 limit ─ 5 hits ─ 7 topic/);
  await play.shows(/┏━ 6 lock {2}2 held ━/);
  await play.shows(/╭─ 0 shards/);
  await client.zincrby('pending:views', 3, '7');
  await client.zadd('quarterdeck:buffer', Date.now(), 'views');
  await play.shows(/╭─ 8 buffer/);
  // A digit shows what is away.
  play.press('4');
  await play.shows(/┏━ 4 limit/);
});

test('five panes stand where they were put, at their sizes, after a restart', async () => {
  const args = await fillFive();
  const play = open(...args);
  await play.shows(/^┏━ 6 lock.*┓╭─ 7 topic.*╮╭─ 8 buffer.*╮$/m);
  await play.shows(/─ hidden ─ 2 ship ─ 3 log/);
  play.press('w');
  await play.shows('< > + - size');
  play.press('<', 'L', '+', 's');
  await play.shows('save the panes as view ›');
  play.press('ctrl+u', 'night', 'enter');
  await play.shows('View night is kept');
  const tiles = (one: Play): string[] =>
    one
      .lines()
      .filter((line) => /^[╭┏]/.test(line))
      .map((line) => line.replaceAll(/[^╭╮┏┓]/g, '-'));
  const before = tiles(play);
  expect(before[0]).toMatch(/^╭-{47,}╮┏-{34,40}┓╭-+╮$/);
  play.press('q');
  await play.ended();

  const again = open(...args);
  await again.shows(/┏━ \d/);
  again.press('6');
  await again.shows(/┏━ 6 lock/);
  await vi.waitFor(() => expect(tiles(again)).toEqual(before));
  again.press('V');
  await again.shows(/> night +● /);
  // Who asks for something else means that.
  const other = open('--view', 'incident');
  await other.shows(/7 topic/);
  await other.hides(/[╭┏]. 8 buffer/);
});

test('one pane large with others beside it, and back', async () => {
  await makeLocks();
  const play = open();
  await play.shows(/┏━ 6 lock/);
  play.press('Z');
  await play.shows(/^┏━ 6 lock.*━┓╭─ \d \w+.*╮$/m);
  await play.shows('View focus');
  play.press('Z');
  await play.shows('View all');
});

test('a view that there is not is refused before the terminal is taken', async () => {
  const play = open('--view', 'incidnt');
  expect(await play.ended()).toMatchObject({ exitCode: 2 });
  expect(play.raw()).toContain('incident');
});
