import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { create } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

// What stands on the terminal after many differential frames is what a fresh painting of everything puts there.

const server = await redisForThisFile();
const redis = server.client();

const keys = [
  'v',
  'V',
  'w',
  'Z',
  'z',
  'e',
  'E',
  '!',
  'tab',
  'enter',
  'esc',
  'down',
  'up',
  '>',
  'o',
  '?',
  'ctrl+o',
].concat(Array.from('0123456789<+HJKL='));
const sizes = [
  [40, 10],
  [80, 24],
  [100, 30],
  [120, 40],
  [200, 60],
] as const;

/** Ages and rates go on between two looks, and push what stands beside them; the order of rows is held for 3 s. */
function still(lines: readonly string[]): readonly string[] {
  // A key takes away what was said in the last line.
  return lines.slice(0, -1).map((line) =>
    line
      .replaceAll(/(?:[\d.,]+[a-zM]?)+/g, '0')
      .replaceAll(' held by ', ' by ')
      .replaceAll(/([ ─━])\1+/g, '$1')
      .replace(/ we ask 0\/s/, ''),
  );
}

/** Once nothing has changed for a while, all keys are done with. */
async function settled(play: Play): Promise<readonly string[]> {
  let before = still(play.lines());
  for (let same = 0; same < 4; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = still(play.lines());
    same = isDeepStrictEqual(now, before) ? same + 1 : 0;
    before = now;
  }
  return before;
}

test('after views, random keys and resizes the screen is what painting everything anew gives', async () => {
  await create(redis, 'ops', ['ada', 'bob']);
  await send(redis, 'ops', 'bob', 'greetings — 日本語 ✓');
  await publish(redis, 'news', ['a', 'b']);
  await redis.set('lock:migrate', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'migrate');
  await redis.zincrby('pending:views', 3, '7');
  await redis.zadd('quarterdeck:buffer', Date.now(), 'views');
  const play = startPlay({ args: [cli, '--url', server.url, '--operator', 'ada'], columns: 120, rows: 40 });
  try {
    await play.shows('● live');
    const rounds = fc.sample(
      fc.tuple(
        fc.array(fc.constantFrom(...keys), { minLength: 5, maxLength: 12 }),
        fc.constantFrom(...sizes),
      ),
      { numRuns: 16, seed: Number(process.env.SEED ?? Date.now()) },
    );
    for (const [pressed, [columns, rows]] of rounds) {
      for (const key of pressed) play.press(key);
      // A storm of sizes, down to what is too small, ends at one of them.
      for (const [c, r] of [
        [columns + 7, rows + 3],
        [20, 5],
        [columns, rows],
      ] as const)
        play.resize(c, r);
      for (const key of pressed.slice(0, 3)) play.press(key);
      await vi.waitFor(
        () => {
          expect(play.lines()).toHaveLength(rows);
          expect(play.lines()[0]).toMatch(/●|✗|○/);
        },
        { timeout: 10_000 },
      );
      const before = await settled(play);
      const raw = play.raw().length;
      play.press('ctrl+l');
      await vi.waitFor(() => expect(play.raw().slice(raw)).toContain('\u001B[1;1H\u001B[K'), {
        timeout: 10_000,
      });
      await vi.waitFor(() => expect(still(play.lines()), pressed.join(' ')).toEqual(before), {
        timeout: 5000,
      });
    }
  } finally {
    await play.close();
  }
}, 120_000);
