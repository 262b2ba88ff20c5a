import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type RedisServer, startRedis } from '../../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../../helpers/terminal.ts';

let server: RedisServer;
let client: Redis;
let folder: string;
let plays: Play[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-time-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.close();
});
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
  await client.flushall();
});

function play(...args: string[]): Play {
  const one = startPlay({ args: [cli, ...args], columns: 140, rows: 30 });
  plays.push(one);
  return one;
}

async function holdLock(name: string): Promise<void> {
  // Far from where the words for what is left change their width.
  await client.set(`lock:${name}`, `somebody-${name}`, 'PX', 550_000);
  await client.zadd('quarterdeck:lock', Date.now(), name);
}

test('frozen, the screen stands still and is marked as frozen; it goes back in time, and acts are refused', async () => {
  await holdLock('early');
  const console = play('--url', server.url, '--panes', 'lock,shards');
  await console.shows(/early/);
  await console.shows('● live');
  // A note is kept in a reading of its own.
  console.press(':', 'mark before', 'enter');
  await console.shows('Noted for an hour: before');
  await holdLock('late');
  await console.shows(/late/);
  console.press(':', 'mark after', 'enter');
  await console.shows('Noted for an hour: after');
  console.press('t');
  await console.shows(/ FROZEN at \d\d:\d\d:\d\d, 1s ago /);
  expect(console.lines().join('\n')).not.toMatch(/● live/);
  await console.shows(/ then ━┓/);
  await console.shows(/^ now: nothing needs you/m);

  // What happens now is not shown, but what needs somebody now is.
  await client.del('lock:late');
  await client.set('lock:endless', 'somebody');
  await client.zadd('quarterdeck:lock', Date.now(), 'endless');
  await console.shows(/^ now: ! 1 needs you {3}6 endless no TTL/m);
  await console.shows(/late/);
  await console.hides(/[┃│].*endless/);
  console.press('6', 'x');
  await console.shows('Not done: frozen; t returns to now');
  expect(await client.exists('lock:early')).toBe(1);

  console.press('[');
  await console.shows('noted: after');
  console.press('[');
  await console.shows('noted: before');
  await console.hides(/[┃│].*late/);
  console.press('home');
  await console.shows(/reading 1 of \d+/);
  console.press('end');
  await console.shows(/reading (\d+) of \1,/);
  console.press('[');
  await console.shows('noted: after');
  await console.shows(/[┃│].*late/);
  console.press('t');
  await console.shows('● live');
  await console.shows(/[┃│].*endless/);
  await console.hides(/[┃│].*late/);
  // Escape thaws as well, once nothing else is left to be taken back.
  console.press('t');
  await console.shows(/FROZEN/);
  console.press('esc');
  await console.shows('● live');
});

test('a recording repaints the same cells without a server, and steps through what was', async () => {
  const file = path.join(folder, 'incident.ndjson');
  await holdLock('deploy');
  await client.zincrby('pending:views', 3, '7');
  await client.zadd('quarterdeck:buffer', Date.now(), 'views');
  const live = play('--url', server.url, '--record', file, '--panes', 'lock,buffer');
  await live.shows(/deploy/);
  await live.shows(/views/);
  live.press(':', 'mark before the second', 'enter');
  await live.shows(`Noted in ${file}: before the second`);
  await holdLock('reindex');
  await live.shows(/reindex/);
  // A column is as wide as the longest age in it.
  const tiles = (one: Play): string[] =>
    one
      .lines()
      .slice(2, -2)
      .map((line) =>
        line
          .replaceAll(/ then (?=[━─])|━|─/g, '')
          .replaceAll(/\d+m\d\ds|\d+\.\ds|\d+s/g, '#')
          .replaceAll(/[▇░]+/g, 'gauge')
          .replaceAll(/ +/g, ' '),
      );
  const shown = tiles(live);
  live.press('q');
  await live.ended();
  expect(statSync(file).mode & 0o777).toBe(0o600);

  const replay = play('replay', file, '--speed', '1000', '--url', 'redis://127.0.0.1:1');
  await replay.shows(/ REPLAY at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, paused /);
  await replay.shows('The recording ends here');
  await replay.shows(/reindex/);
  await vi.waitFor(() => expect(tiles(replay)).toEqual(shown));
  expect(replay.lines().join('\n')).not.toMatch(/● live/);
  replay.press('[');
  await replay.shows('noted: before the second');
  replay.press('home');
  await replay.shows(/reading 1 of/);
  await replay.hides(/reindex/);
  replay.press('x');
  await replay.shows('Not done: this is a replay');
  replay.press('+', '+', 't');
  await replay.shows(/REPLAY at .*\dx /);
  replay.press('t');
  await replay.shows(/REPLAY at .*paused/);
  replay.press('q');
  expect(await replay.ended()).toMatchObject({ exitCode: 0 });
});

test('a recording goes into a new file only, never through a link', async () => {
  const file = path.join(folder, 'there.ndjson');
  writeFileSync(file, 'mine');
  const link = path.join(folder, 'link.ndjson');
  symlinkSync(path.join(folder, 'elsewhere'), link);
  for (const given of [file, link]) {
    const console = play('--url', server.url, '--record', given);
    expect(await console.ended()).toMatchObject({ exitCode: 4 });
    expect(console.raw()).toContain('it exists already');
  }
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

test('what is no recording is refused with its reason; of a damaged one the rest is shown', async () => {
  const wrong = path.join(folder, 'wrong.ndjson');
  writeFileSync(wrong, 'hello\n');
  const refused = play('replay', wrong);
  expect(await refused.ended()).toMatchObject({ exitCode: 4 });
  expect(refused.raw()).toContain('its first line is no JSON');

  const evil = '\u001B]0;gotcha\u0007\u001B[2J';
  const connection = { name: 'live', sinceMs: 0, attempt: 0, url: `redis://${evil}`, kind: 'standalone' };
  const lines = [
    { quarterdeckRecording: 1, at: 1, server: evil, panes: ['lock', 'nothing', 'topic'] },
    {
      at: 1000,
      whole: true,
      connection,
      freshness: { lock: { name: 'fresh' } },
      slices: { lock: { list: {} }, topic: { list: {}, topics: 7 } },
      needs: [],
    },
    { at: 2000, note: evil, slices: { lock: { list: {}, locks: [{ name: evil }] } } },
  ];
  const damaged = path.join(folder, 'damaged.ndjson');
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  writeFileSync(damaged, `${text}\n{"at":"never"}\n{"at":3000}\n{"at":4000,"who`);
  const replay = play('replay', damaged);
  await replay.shows(/Left out: 2 lines \(line 4: at: .*\), and 1 reading that build on what is missing/);
  await replay.shows(/The recording holds nothing that can be shown here/);
  replay.press('end');
  await replay.shows(/reading 2 of 2/);
  expect(replay.raw()).not.toContain(evil);
  replay.press('q');
  await replay.ended();
});
