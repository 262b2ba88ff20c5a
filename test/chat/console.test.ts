import { afterEach, expect, test, vi } from 'vitest';
import { create, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

/** What looking means, with a real screen: seen is what was painted in the focused pane, and nothing else. */

let play: Play | undefined;
const server = await redisForThisFile();
const redis = server.client();
afterEach(async () => {
  await play?.close();
  await redis.flushall();
});

const open = (...args: string[]): Play => {
  play = startPlay({
    args: [cli, '--url', server.url, '--operator', 'ada', ...args],
    columns: 120,
    rows: 40,
  });
  return play;
};
const seen = async (): Promise<number> => (await pending(redis, 'ops', 'ada')).seen;

test('marks what is painted while in focus, not what comes while another pane has it', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  await send(redis, 'ops', 'bob', 'first');
  const console = open();
  await console.shows('first');
  await vi.waitFor(async () => expect(await seen()).toBe(1), { timeout: 5000 });

  // Of the servers there is always a pane beside it.
  console.press('0');
  await console.shows(/┏━ 0/);
  await send(redis, 'ops', 'bob', 'second');
  await console.shows('second');
  await send(redis, 'ops', 'bob', 'third');
  await console.shows('third');
  expect(await seen()).toBe(1);

  console.press('1');
  await console.shows(/2 new since \d\d:\d\d/);
  await vi.waitFor(async () => expect(await seen()).toBe(3), { timeout: 5000 });
});

test('messages that were seen by all and removed stay on the screen', async () => {
  await create(redis, 'ops', ['ada']);
  await create(redis, 'ops', ['bob'], { writers: ['bob'] });
  await send(redis, 'ops', 'bob', 'soon gone');
  const console = open();
  await console.shows('soon gone');
  await vi.waitFor(async () => expect(await redis.zcard('msgs:ops')).toBe(0), { timeout: 5000 });
  await send(redis, 'ops', 'bob', 'next');
  await console.shows('next');
  await console.shows('soon gone');
});

test('--read-only looks and marks nothing', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  await send(redis, 'ops', 'bob', 'first');
  const console = open('--read-only');
  await console.shows('first');
  await send(redis, 'ops', 'bob', 'second');
  await console.shows('second');
  expect(await seen()).toBe(0);
});

test('more than fits: what is above the screen stays unseen until it was shown', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  for (let id = 1; id <= 60; id += 1) await send(redis, 'ops', 'bob', `message ${id}.`);
  const console = open();
  await console.shows('message 60.');
  await console.shows('unseen above, u shows them');
  expect(await seen()).toBe(0);
  console.press('u');
  await console.shows('message 1.');
  await vi.waitFor(async () => expect(await seen()).toBe(1), { timeout: 5000 });
  console.press('m');
  await vi.waitFor(async () => expect(await seen()).toBe(60), { timeout: 5000 });
});

test('P pins, R answers with half a line, Tab completes a member, what begins with a slash is a command', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  await send(redis, 'ops', 'bob', 'the disk of db3 is full since the night, again');
  const console = open();
  await console.shows('since the night');
  console.press('P');
  await console.shows(/pin \d\d:\d\d bob: the disk of db3/);
  expect(await redis.zcard('pins:ops')).toBe(1);
  // The console notes by itself who looks.
  await console.shows(/2 members {2}1 here/);
  console.press('R');
  await console.shows('ada › @bob re 1 "the disk of db3 is full since th…"');
  console.press('on it', 'enter');
  await console.shows(/ada +@bob re 1 .* on it/);
  console.press('@b', 'tab');
  await console.shows('ada › @bob ▏');
  console.press('look', 'enter');
  await console.shows(/ada +@bob look/);
  console.press('/me waits', 'enter');
  await console.shows('* ada waits');
  console.press('/nothing', 'enter');
  await console.shows('There is no `/nothing`');
  await console.shows('ada › /nothing▏');
  console.press('ctrl+u', '/who', 'enter');
  await console.shows(/bob +not known/);
  console.press('q');
  await console.hides('not known');
  console.press('P');
  await console.shows(/pin \d\d:\d\d ada: \* ada waits/);
  console.press('P');
  await console.shows('4 is no longer pinned in ops');
  expect((await redis.zrange('msgs:ops', '0', '-1')).join()).not.toContain('/nothing');
});

test('who is called stands in line 2, also where the room is not open', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  await create(redis, 'zoo', ['ada', 'bob']);
  const console = open();
  await console.shows('zoo');
  await vi.waitFor(async () => expect(await redis.pubsub('NUMSUB', 'chat:zoo')).toEqual(['chat:zoo', 1]));
  await send(redis, 'zoo', 'bob', '@ada come here');
  await console.shows(/^.*nothing needs you.* 1 @1/m);
});
