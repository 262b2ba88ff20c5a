import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { create } from '../../../source/features/chat/room/chat.ts';
import { send } from '../../../source/features/chat/room/send.ts';
import { redisForThisFile } from '../../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../../helpers/terminal.ts';

/** The console for a screen reader, in a pseudo-terminal: what it writes is all there is to hear. */

const server = await redisForThisFile();
const redis = server.client();
let plays: Play[] = [];
beforeEach(() => redis.flushall());
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
});

function open(args: readonly string[], env: Readonly<Record<string, string>> = {}): Play {
  const play = startPlay({ args: [cli, ...args], columns: 400, rows: 200, env });
  plays.push(play);
  return play;
}
const reader = (...args: readonly string[]): Play =>
  open(['--url', server.url, '--operator', 'ada', '--screen-reader', ...args]);

const within = { timeout: 45_000, interval: 50 };
const hears = (play: Play, pattern: RegExp): Promise<void> =>
  vi.waitFor(() => expect(play.raw()).toMatch(pattern), within);
const linesOf = (play: Play): readonly string[] =>
  play
    .raw()
    .replaceAll(/\u001B\[\?2004[hl]/g, '')
    .split(/\r*\n/)
    .filter((line) => line !== '');

function expectOnlyLines(play: Play): void {
  // Marks around what is pasted are all that is sent to the terminal.
  const rest = play.raw().replaceAll(/\u001B\[\?2004[hl]/g, '');
  expect(rest).not.toMatch(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/);
}

async function makeLocks(): Promise<void> {
  // Registered as `lock acquire` would, but without an end: each needs somebody.
  for (const name of ['deploy', 'migrate']) {
    await redis.set(`lock:${name}`, 'somebody');
    await redis.zadd('quarterdeck:locks', Date.now(), name);
    await redis.zadd('quarterdeck:lock', Date.now(), name);
  }
}

test('panes, rows, needs and details are said as lines that are only added', async () => {
  await makeLocks();
  const play = reader();
  await hears(play, /Panes: 1 chat, 2 ship/);
  await hears(play, /lock (deploy|migrate) no TTL/i);
  play.press('6');
  await hears(play, /6 lock, 1 of 2: \w+, no TTL/i);
  play.press('down');
  await hears(play, /\n2 of 2: \w+, no TTL/i);
  play.press('enter');
  await hears(play, /Details of \w+:/);
  play.press('down', 'down');
  await hears(play, /No change/);
  play.press('!');
  await hears(play, /2 in the list of needs/);
  play.press('esc');
  await hears(play, /List of needs closed; 6 lock, 2 of 2: \w+, no TTL/i);
  play.press('?');
  await hears(play, /In every pane/);
  play.press('esc');
  await hears(play, /Help closed; 6 lock, 2 of 2/);
  expectOnlyLines(play);
  play.press('q');
  expect(await play.ended()).toMatchObject({ exitCode: 0 });
});

test('what is related to a row, and the columns of a table, are said one by one', async () => {
  await makeLocks();
  await create(redis, 'ops', ['ada', 'bob']);
  await send(redis, 'ops', 'bob', 'who broke deploy ?');
  const play = reader();
  await hears(play, /lock (deploy|migrate) no TTL/i);
  // The console may have begun before anything was read.
  play.press('6');
  await hears(play, /6 lock, 1 of 2/);
  play.press('1');
  await hears(play, /1 chat, .*who broke deploy/);
  play.press('r');
  await hears(play, /related to message 1; Enter goes there/);
  await hears(play, /\n1 of \d: lock deploy/);
  play.press('enter');
  await hears(play, /6 lock, \d of 2: deploy, no TTL/i);
  play.press('O');
  await hears(play, /Columns of lock: Space/);
  await hears(play, /\nstate, shown, 1 of \d/);
  play.press('down', ' ');
  await hears(play, /\nname, hidden, \d+ of \d/);
  expectOnlyLines(play);
});

test('a need that comes and one that is over are said unasked, with their time', async () => {
  const play = reader();
  await hears(play, /Panes: /);
  await redis.lpush('lock:torn', 'no lock');
  await redis.zadd('quarterdeck:lock', Date.now(), 'torn');
  await hears(play, /\d\d:\d\d:\d\d Bad: .*lock:torn/);
  await redis.del('lock:torn');
  await hears(play, /\d\d:\d\d:\d\d Over: .*lock:torn/);
  expectOnlyLines(play);
});

test('what is typed stands at the end of the line, and a question says how it is answered', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  const play = reader();
  await hears(play, /Panes: /);
  play.press(':');
  await hears(play, /\ncommand: $/);
  play.press('chat leave ops');
  await hears(play, /\ncommand: chat leave ops$/);
  play.press('enter');
  await hears(play, /y is yes, n is no/);
  play.press('n');
  await hears(play, /Not confirmed; nothing was done/);
  play.press(':', 'config', 'enter');
  await hears(play, /\naliases /);
  play.press('/');
  await hears(play, /\nfind: $/);
  play.press('ROUTER');
  await hears(play, /\nfind: ROUTER$/);
  play.press('enter');
  // The line that was found, once more and alone.
  await hears(play, /\nfind: ROUTER[^R]{0,40}\nrouter +default /);
  await hears(play, /Match 1 of 1/);
  // Escape and what follows at once would be another key.
  play.press('q', '?');
  await hears(play, /list of needs: go there/);
  expectOnlyLines(play);
});

test('messages of the open room are said as they come, and cannot steer the terminal', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  const play = reader();
  await hears(play, /Panes: /);
  play.press('1');
  await send(redis, 'ops', 'bob', 'first');
  await hears(play, /first/);
  await send(redis, 'ops', 'bob', '@ada are you there');
  await hears(play, /You are called: @ada are you there/);
  await send(redis, 'ops', 'bob', 'disk \u001B[2J\u0007full\r\nBad: nothing');
  await hears(play, /disk .*full/);
  expectOnlyLines(play);
  expect(linesOf(play).some((line) => line.startsWith('Bad: nothing'))).toBe(false);
});

test('ACCESSIBLE=1 asks for it too, and TERM=dumb has it', async () => {
  const play = open(['--url', server.url], { ACCESSIBLE: '1', TERM: 'dumb' });
  await hears(play, /Panes: 1 chat/);
  expectOnlyLines(play);
});

test('the transcript of the demo repeats no line', { timeout: 180_000 }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-reader-'));
  try {
    writeFileSync(path.join(directory, 'a.log'), 'one line\n'.repeat(50_000));
    const play = open(['demo', directory, '--screen-reader']);
    await hears(play, /Panes: 1 chat/);
    for (const digit of ['2', '6', '7', '4']) {
      play.press(digit);
      await hears(play, new RegExp(`\\n${digit} \\w+, `));
    }
    // Something that is said unasked, too.
    await hears(play, /\d\d:\d\d:\d\d \d* ?\w+: /);
    const lines = linesOf(play);
    expect(lines).toEqual([...new Set(lines)]);
    expectOnlyLines(play);
    play.press('q');
    await play.ended();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
