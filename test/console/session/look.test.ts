import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { create } from '../../../source/features/chat/room/chat.ts';
import { acquire } from '../../../source/features/lock/lock.ts';
import { type RedisServer, startRedis } from '../../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../../helpers/terminal.ts';

let server: RedisServer;
let client: Redis;
let plays: Play[] = [];
const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-look-'));

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  await create(client, 'ops', ['ada', 'bob']);
  await acquire(client, 'deploy:web', { ttlMs: 600_000 });
  await acquire(client, 'deploy:<b>&"', { ttlMs: 600_000 });
});
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

function open(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Play {
  const play = startPlay({
    args: [cli, '--url', server.url, '--operator', 'ada', ...args],
    env: { TMUX: '', XDG_STATE_HOME: directory, ...env },
  });
  plays.push(play);
  return play;
}

test('what is seen is copied, saved as text, JSON and a picture, and nothing claims more than is known', async () => {
  const play = open();
  await play.shows('deploy:web');
  play.press('6', 'g');
  await play.shows('> held');
  play.press('y');
  await play.shows(/Sent \d+ B to the terminal \(it does not confirm\)/);
  const [, encoded = ''] = /\u001B\]52;c;([^\u0007]*)\u0007/.exec(play.raw()) ?? [];
  expect(Buffer.from(encoded, 'base64').toString()).toMatch(/^deploy:/);

  play.press(':', 'news', 'enter');
  await play.shows(/┏━ news[^\n]*\n┃ (Unreleased|\d)/);
  play.press('q');
  await play.hides('┏━ news');

  play.press('T');
  await play.shows('Times are UTC');
  await play.shows(/\d\d:\d\d UTC$/m);

  play.press('ctrl+s');
  await play.shows(/Saved .*_lock_.*\.txt/);
  play.press(':', 'save json', 'enter');
  await play.shows(/Saved .*_lock_.*\.json/);
  play.press(':', `save ${path.join(directory, 'picture.svg')}`, 'enter');
  await play.shows(/Saved .*picture\.svg/);

  const folder = path.join(directory, 'quarterdeck', 'frames');
  const named = (ending: string): string =>
    path.join(folder, readdirSync(folder).find((file) => file.endsWith(ending)) ?? '');
  expect(readFileSync(named('.txt'), 'utf8')).toMatch(/┏━ 6 lock .*\n(.*\n)*.*deploy:web/);
  expect(statSync(named('.txt')).mode & 0o777).toBe(0o600);
  const saved: unknown = JSON.parse(readFileSync(named('.json'), 'utf8'));
  expect(saved).toMatchObject({
    pane: 'lock',
    columns: 120,
    items: expect.arrayContaining([expect.objectContaining({ name: 'deploy:web', state: 'held' })]),
  });
  const picture = readFileSync(path.join(directory, 'picture.svg'), 'utf8');
  expect(picture).toContain('deploy:&lt;b&gt;&amp;&quot;');
  expect(picture).not.toContain('<b>');

  play.press(':', `save ${path.join(directory, 'picture.svg')}`, 'enter');
  await play.shows('it exists already');
});

test('a frame that is shared opens again in another console, and in a shell', async () => {
  const ada = open();
  const bob = startPlay({ args: [cli, '--url', server.url, '--operator', 'bob'] });
  plays.push(bob);
  await Promise.all([ada.shows('deploy:web'), bob.shows('#ops')]);
  ada.press('6', 'S');
  await ada.shows(': share ▏');
  ada.press('ops look who holds it', 'enter');
  await ada.shows(/Sent 1 to ops, with frame [\da-f]{8}/);
  await bob.shows(/↗ look who holds it/);
  bob.press('1', 'f');
  await bob.shows(/as of .* ago/);
  await bob.shows(/6 lock {2}2 held/);
  bob.press('esc');
  ada.press('S', 'ops', 'enter');
  await ada.shows('Sent 2 to ops');
  await bob.shows(/↗ 6 lock deploy:.*state held/);
});

test('a read-only console shares nothing', async () => {
  const play = open(['--read-only']);
  await play.shows('deploy:web');
  play.press('S', 'ops', 'enter');
  await play.shows('this session is read-only');
});

test.each([
  ['LC_ALL=C', { LC_ALL: 'C' }, /\+= 1 chat .*=\+/],
  ['no colour', { NO_COLOR: '1' }, /┏━ 1 chat/],
])('with %s every screen can be read', async (_, env, frame) => {
  const play = open([], env);
  await play.shows(frame);
  await play.shows('deploy:web');
  const painted = play.raw().replaceAll(/\u001B\[[?\d;]*[A-Za-z]/g, '');
  if ('LC_ALL' in env) expect(play.lines().join('\n')).toMatch(/^[ -~\n]*$/);
  else expect(play.raw()).not.toMatch(/\u001B\[(?:3\d|38;[\d;]+|9\d)m/);
  expect(painted).not.toBe('');
});

test('the wheel is arrow keys, but not while a line is typed, and is given back', async () => {
  const play = open();
  await play.shows('deploy:web');
  const last = (): string | undefined =>
    play
      .raw()
      .match(/\u001B\[\?1007[hl]/g)
      ?.at(-1);
  await vi.waitFor(() => expect(last()).toBe('\u001B[?1007h'), 5000);
  play.press(':');
  await play.shows(': ▏');
  await vi.waitFor(() => expect(last()).toBe('\u001B[?1007l'), 5000);
  play.press('esc');
  await play.hides(': ▏');
  await vi.waitFor(() => expect(last()).toBe('\u001B[?1007h'), 5000);
  play.press('q');
  await play.ended();
  expect(last()).toBe('\u001B[?1007l');
});
