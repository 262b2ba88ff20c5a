import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, expectRestored, type Play, startPlay } from '../helpers/terminal.ts';

let server: RedisServer;
let client: Redis;
let plays: Play[] = [];

beforeAll(async () => {
  // What was there before a restart is there after it.
  server = await startRedis('--appendonly', 'yes');
  client = server.client();
});
afterAll(() => server.close());
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
  if (server.pid === 0) await server.start();
  await client.flushall();
});

function open({ as = 'ada', columns = 120, rows = 40, args = [] as string[] } = {}): Play {
  const play = startPlay({ args: [cli, '--url', server.url, '--operator', as, ...args], columns, rows });
  plays.push(play);
  return play;
}

async function makeRoom(): Promise<void> {
  const { create } = await import('../../source/features/chat/room/chat.ts');
  await create(client, 'ops', ['ada', 'bob']);
}

test('starts, says that it is live, quits, and leaves the terminal as it was', async () => {
  const play = open();
  await play.shows('● live');
  await play.shows(/1 chat/);
  expect(play.modes()).toEqual({ alternate: true, cursorHidden: true, pasteMarks: true, wraps: false });
  play.press('q');
  expect(await play.ended()).toMatchObject({ exitCode: 0 });
  expectRestored(play);
  expect(play.lines().join('').trim()).toBe('');
});

test('a message typed in one console is read in another', async () => {
  await makeRoom();
  const ada = open({ as: 'ada' });
  const bob = open({ as: 'bob', columns: 100, rows: 30 });
  await Promise.all([ada.shows('#ops'), bob.shows('#ops')]);
  ada.press('1', 'enter');
  await ada.shows('▏');
  ada.press('deploy is d', 'backspace', 'done — 日本語 ✓', 'enter');
  await bob.shows('deploy is done — 日本語 ✓');
  await ada.shows(/ada +deploy is done/);
  bob.press('enter');
  await bob.shows('▏');
  bob.press('thanks', 'enter');
  await ada.shows(/bob +thanks/);
});

test('follows the terminal to 40x10 and to 200x60, and stays whole', async () => {
  await makeRoom();
  const play = open();
  await play.shows('#ops');
  for (const [columns, rows] of [
    [40, 10],
    [200, 60],
    [80, 24],
    [400, 100],
    [120, 40],
  ] as const) {
    play.resize(columns, rows);
    const corner = rows < 16 ? /^━ 1 chat/m : new RegExp(`^.{${columns - 1}}[┓╮]`, 'm');
    await play.shows(corner);
    await play.shows('? help');
    // A frame arrives in pieces: whole is what it becomes.
    await vi.waitFor(() => {
      const lines = play.lines();
      expect(lines.at(-1)).toContain('? help');
      expect(lines[0]).toContain('● live');
      expect(lines).toHaveLength(rows);
    });
  }
});

test('too small a terminal says what it needs and comes back', async () => {
  const play = open();
  await play.shows('● live');
  play.resize(20, 5);
  await play.shows('needs 40x10');
  play.resize(1, 1);
  play.resize(120, 40);
  await play.shows('● live');
});

test('Redis goes away and comes back underneath: it shows that, stays, and resumes', async () => {
  await makeRoom();
  const play = open();
  await play.shows('#ops');
  await server.stop();
  await play.shows(/✗ lost/);
  await play.shows(/lost \d+s, retry/);
  await play.shows(/stale \d+s/);
  play.press('enter', 'into the void', 'enter');
  await play.shows(/Not done: Redis is lost/);
  await play.shows('into the void▏');
  play.press('esc');
  await server.start();
  await play.shows('● live');
  await play.hides(/stale/);
  await play.shows('Enter writes to ops');
  play.press('enter');
  await play.shows('▏');
  play.press('back again', 'enter');
  await play.shows(/ada +back again/);
});

test('no Redis at all: the console opens, shows that, and finds it once it is there', async () => {
  await server.stop();
  const play = open();
  await play.shows(/○ connecting/);
  await play.shows('waiting');
  await server.start();
  await play.shows('● live');
});

test('keys that arrive in one burst are all heard', async () => {
  await makeRoom();
  const play = open();
  await play.shows('#ops');
  const text = 'abcdefghij'.repeat(10);
  play.press(`\r${text}\r`);
  await vi.waitFor(async () => {
    const [stored] = await client.zrangebyscore('msgs:ops', 1, 1);
    expect(JSON.parse(stored ?? '{}').message).toBe(text);
  });
});

test('a paste is put in as it is or refused with a sentence, and is not taken for keys', async () => {
  await makeRoom();
  const play = open();
  await play.shows('#ops');
  play.press('\u001B[200~q\u001B[201~');
  await play.shows('pasted text was left out');
  play.press('enter');
  await play.shows('▏');
  play.press('\u001B[200~one \u001B]0;title\u0007two\u001B[201~');
  await play.shows('Not put in: it holds a control character (U+001B)');
  play.press('\u001B[200~caf\u001B[201~');
  await play.shows('caf▏');
  const long = `${'x'.repeat(20_000)}END`;
  play.press(`\u001B[200~\r\n${long}\r\n\u001B[201~`);
  await play.shows('END▏');
  play.press('enter');
  await vi.waitFor(async () => {
    const [stored] = await client.zrangebyscore('msgs:ops', 1, 1);
    expect(JSON.parse(stored ?? '{}').message).toBe(`caf\n${long}`);
  });
});

test('what the terminal says by itself is not typed', async () => {
  await makeRoom();
  const play = open();
  await play.shows('#ops');
  play.press('enter');
  await play.shows('▏');
  play.press('a\u001B]11;rgb:1e1e/1e1e/2e2e\u0007\u001B[<0;10;10M\u001B[I\u001B[?62;4cb');
  await play.shows('ab▏');
});

describe('help, palette and modes', () => {
  test('? shows every command and key, made from the tables', async () => {
    await makeRoom();
    const play = open();
    await play.shows('● live');
    play.press('?');
    await play.shows('In every pane');
    await play.shows(/chat: .*\n.*Enter/);
    play.press('G');
    await play.shows(/config +show the settings in force/);
    play.press('g');
    await play.shows('In every pane');
    play.press('esc');
    await play.hides('In every pane');
  });

  test(': runs any command, completes it, and shows what it prints', async () => {
    await makeRoom();
    const play = open();
    await play.shows('#ops');
    play.press(':');
    await play.shows(/> chat/);
    play.press('ch\tli\t');
    await play.shows(': chat list ▏');
    play.press('enter');
    await play.shows(/ops +0 +0 +ada, bob/);
    play.press('esc');
    await play.shows('#ops');
    play.press(':', 'chat list --json', 'enter');
    await play.shows('"room": "ops"');
    play.press('esc');
    await play.shows('#ops');
    play.press(':', 'nonsense', 'enter');
    await play.shows('There is no command `nonsense`');
    play.press(':', 'chat send ops "hello there" --as bob', 'enter');
    await play.shows(/bob +hello there/);
  });

  test('read-only refuses what writes, with a reason', async () => {
    await makeRoom();
    const play = open({ args: ['--read-only'] });
    await play.shows('read-only');
    await play.shows('#ops');
    play.press('enter');
    await play.shows('this session is read-only');
    play.press(':', 'chat send ops hi --as ada', 'enter');
    await play.shows('this session is read-only');
    expect(await client.exists('msgs:ops')).toBe(0);
  });

  test('a destructive key asks first', async () => {
    await makeRoom();
    const play = open();
    await play.shows('#ops');
    play.press('x');
    await play.shows(/Leave ops\?/);
    await play.shows('y: yes');
    play.press('m', 'z', 'q', 'n');
    await play.shows('Not confirmed');
    expect(await client.zscore('chat:ops', 'ada')).not.toBeNull();
  });
});

test('without a terminal it reports that and exits 2', async () => {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const failure = await promisify(execFile)(process.execPath, [cli]).catch((error) => error);
  expect(failure).toMatchObject({ code: 2, stdout: '' });
  expect(failure.stderr).toContain('needs a terminal');
});
