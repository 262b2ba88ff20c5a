import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../helpers/ports.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

/** The console in front of somebody who opens it for the first time. */

const server = await redisForThisFile();
const client = server.client();
let plays: Play[] = [];
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
  await client.flushall();
});

type Look = { readonly columns?: number; readonly rows?: number; readonly url?: string };

function open(args: readonly string[] = [], { columns = 120, rows = 40, url = server.url }: Look = {}): Play {
  const play = startPlay({ args: [cli, '--url', url, ...args], columns, rows });
  plays.push(play);
  return play;
}

/** What other programs made: nothing of it is in an index. */
async function fillByOthers(): Promise<void> {
  await client.set('lock:deploy', 'somebody', 'PX', 600_000);
  await client.xadd('topic:msgs:orders', '*', 'm', 'hello');
  await client.zadd('chat:ops', '0', 'ada');
  await client.zadd('pending:views', '3', '7');
}

test.each([
  [80, 24],
  [120, 40],
])('a server with nothing of ours has it in line 2, and how to begin, at %ix%i', async (columns, rows) => {
  const play = open([], { columns, rows });
  await play.shows(/^ nothing needs you {3}nothing of Quarterdeck on this server yet/m);
  await play.shows(/┏━ 0 shards {2}1 server/);
  await play.shows('This server has nothing that Quarterdeck knows of');
  await play.shows(/looked {2}at the indexes quarterdeck:\* \(chat, ship, log/);
  await play.shows('6 lock    quarterdeck lock run NAME -- COMMAND');
  await play.shows(/^ d discover {2}Tab next pane/m);
  // No tile without something in it.
  expect(play.lines().filter((line) => /^[╭┏]/.test(line))).toHaveLength(1);
  play.press('6');
  await play.shows(/┏━ 6 lock/);
  await play.shows('No lock is held that Quarterdeck knows of');
  await play.shows(/Looked at quarterdeck:lock on [^┃]*,[\s┃]+database 0, at \d\d:\d\d:\d\d/);
  await play.shows('The first: quarterdeck lock run NAME -- COMMAND');
  play.press('esc');
  await play.shows('This server has nothing that Quarterdeck knows of');
  // The first of anything takes its place.
  await client.set('lock:deploy', 'somebody', 'PX', 600_000);
  await client.zadd('quarterdeck:lock', Date.now(), 'deploy');
  await play.hides('This server has nothing');
  if (columns >= 100) await play.shows(/╭─ 6 lock {2}1 held/);
});

test('what other programs made is found, listed, and registered once that was said', async () => {
  await fillByOthers();
  const play = open([], { columns: 80, rows: 24 });
  await play.shows('This server has nothing that Quarterdeck knows of');
  play.press('d');
  await play.shows(/goes through 4 [\s┃]*keys, about 1\.0s/);
  await play.answer('y');
  await play.shows('Enter registers 4 names, and asks first');
  for (const line of [/chat: 1 name/, / {2}ops/, /lock: 1 name/, / {2}deploy/, / {2}orders/, / {2}views/])
    await play.shows(line);
  play.press('enter');
  await play.shows(/Register chat ops; lock deploy; topic orders; buffer views\?/);
  await play.answer('n');
  await play.shows('Not confirmed');
  expect(await client.keys('quarterdeck:*')).toEqual([]);

  // In a pane, for what it is about alone.
  play.press('6');
  await play.shows('No lock is held that Quarterdeck knows of');
  play.press('d');
  await play.shows('Look for locks that other programs hold?');
  await play.answer('y');
  await play.shows('Enter registers 1 name');
  play.press('enter');
  await play.answer('y');
  await play.shows('Registered 1 of lock');
  await play.shows(/held +deploy/);
  expect(await client.keys('quarterdeck:*')).toEqual(['quarterdeck:lock']);
  expect(await client.zrange('quarterdeck:lock', '0', '-1')).toEqual(['deploy']);
  expect(await client.get('lock:deploy')).toBe('somebody');
});

test('a queue that stands still on a server of others is found with `d` alone', async () => {
  await client.hset('bull:mail:meta', { 'opts.maxLenEvents': '10000' });
  await client.lpush('bull:mail:wait', '1', '2', '3');
  await client.hset('bull:mail:1', 'timestamp', String(Date.now() - 3_600_000));
  const play = open(['--read-only'], { columns: 80, rows: 24 });
  await play.shows('This server has nothing that Quarterdeck knows of');
  play.press('d');
  await play.shows('queues of other programs');
  await play.answer('y');
  await play.shows('Queues of other programs: 1 seen, not managed here');
  await play.shows(/BullMQ +mail +3 +0 +0 +0 +\? +1h/);
  await play.shows(/looks stuck: 3 waiting and nothing taken, at two looks 1\.\ds apart/);
});

test('nothing is registered where that is not allowed', async () => {
  await fillByOthers();
  const reading = open(['--read-only']);
  await reading.shows('This server has nothing that Quarterdeck knows of');
  reading.press('d');
  await reading.answer('y');
  await reading.shows('4 names found; nothing is registered, as this console is read-only');
  reading.press('enter', 'esc', ':', 'register lock:deploy', 'enter');
  await reading.shows(/read-only/);

  const rights = ['~*', '&*', '+@all', '-zadd'];
  await client.call('ACL', 'SETUSER', 'looker', 'on', 'nopass', ...rights);
  try {
    const denied = open(['--user', 'looker']);
    await denied.shows('This server has nothing that Quarterdeck knows of');
    denied.press('d');
    await denied.answer('y');
    await denied.shows('Enter registers 4 names');
    denied.press('enter');
    await denied.answer('y');
    await denied.shows(/NOPERM|may not|ZADD/i);
    expect(await client.keys('quarterdeck:*')).toEqual([]);
  } finally {
    await client.call('ACL', 'DELUSER', 'looker');
  }
});

test('a server that is not there: what was tried, why it failed, and what can be done', async () => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}/2`;
  const play = open([], { url, columns: 80, rows: 24 });
  await play.shows('Redis is not reached');
  await play.shows(`tried   127.0.0.1:${port}, database 2`);
  await play.shows(`answer  connect ECONNREFUSED 127.0.0.1:${port}`);
  await play.shows('maybe   nothing listens there');
  await play.shows('quarterdeck --embedded');
  await play.shows(/^ Enter try now {2}! list of needs {2}: command {2}q quit {2}\? help/m);
  play.press('7');
  await play.shows('7 has nothing to show: Redis is not reached');
  play.press('?');
  await play.shows(/━ help ━/);
  play.press('esc');
  await play.hides(/━ help ━/);
  play.press('q');
  expect(await play.ended()).toMatchObject({ exitCode: 3 });
  expect(play.raw()).toContain(`Cannot reach Redis at ${url}`);
});

test('it goes on trying, and shows the panes once the server is there', async () => {
  const late = await startRedis();
  try {
    await late.stop();
    rmSync(path.join(late.directory, 's'), { force: true });
    const play = open([], { url: late.url });
    await play.shows('maybe   there is no such socket');
    await late.start();
    await vi.waitFor(
      () => {
        const text = play.lines().join('\n');
        if (text.includes('Redis is not reached')) play.press('enter');
        expect(text).not.toContain('Redis is not reached');
        // An Enter that came too late has gone on from the guide to the panes.
        expect(text).toMatch(/This server has nothing that Quarterdeck knows of|1 chat/);
      },
      { timeout: 40_000, interval: 300 },
    );
    play.press('ctrl+c');
    expect(await play.ended()).toMatchObject({ exitCode: 0 });
  } finally {
    await late.close();
  }
});

test('a password that is wrong is reported as that', async () => {
  await client.config('SET', 'requirepass', 'secret');
  try {
    const play = open([], { columns: 100, rows: 30 });
    await play.shows(/answer {2}.*(NOAUTH|WRONGPASS|[Aa]uthentication)/);
    await play.shows('maybe   QUARTERDECK_PASSWORD');
    play.press('q');
    expect(await play.ended()).toMatchObject({ exitCode: 3 });
    expect(play.raw()).toContain('refused the user or password');
  } finally {
    await client.config('SET', 'requirepass', '');
  }
});

test('to a screen reader all of it is said', async () => {
  const play = open(['--screen-reader'], { columns: 400, rows: 100 });
  await play.shows('This server has nothing that Quarterdeck knows of');
  await play.shows('6 lock quarterdeck lock run NAME -- COMMAND');
  play.press('6');
  await play.shows(/6 lock, No lock is held that Quarterdeck knows of\. Looked at quarterdeck:lock on/);
  const lost = open(['--screen-reader'], { url: `redis://127.0.0.1:${await freePort()}`, columns: 400 });
  await lost.shows('Redis is not reached');
  await lost.shows(/answer connect ECONNREFUSED/);
});
