import { afterEach, beforeEach, expect, test } from 'vitest';
import { redisForThisFile } from '../../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../../helpers/terminal.ts';

// Between two noted moments and now: what came, what went, what is another's, and what is not known.

const server = await redisForThisFile();
const redis = server.client();
let play: Play;
beforeEach(async () => {
  await redis.flushall();
  await hold('stays');
  await hold('goes');
  await redis.set('lock:stuck', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'stuck');
  play = startPlay({ args: [cli, '--url', server.url, '--panes', 'lock,shards'], columns: 140, rows: 50 });
});
afterEach(() => play.close());

async function hold(name: string): Promise<void> {
  await redis.set(`lock:${name}`, `somebody-${name}`, 'PX', 550_000);
  await redis.zadd('quarterdeck:lock', Date.now(), name);
}
const noted = async (text: string): Promise<void> => {
  play.press(':', `mark ${text}`, 'enter');
  await play.shows(`Noted for an hour: ${text}`);
};

/** Which of the readings is shown, as the line at the bottom says. */
const place = (): string | undefined => /reading (\d+) of/.exec(play.lines().at(-1) ?? '')?.[1];

test('what came, went and changed since the oldest reading, and since the moment that is shown', {
  timeout: 180_000,
}, async () => {
  await play.shows('● live');
  await play.shows(/stays[\s\S]*needs you|needs you[\s\S]*stays/);
  await play.shows('! 1 needs you');
  await noted('before');
  await redis.del('lock:goes', 'lock:stuck');
  await redis.zrem('quarterdeck:lock', 'goes', 'stuck');
  await hold('comes');
  await redis.set('lock:endless', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'endless');
  await play.shows(/comes/);
  await play.shows(/! 1 needs you {3}6 endless/);
  await noted('after');
  play.press(':', 'changes', 'enter');
  await play.shows(/Between \d\d:\d\d:\d\d and \d\d:\d\d:\d\d:/);
  await play.shows(/What was before \d\d:\d\d:\d\d is not known: that is the oldest reading/);
  await play.shows(/came +lock comes/);
  play.press('esc');
  await play.hides('Between');
  // Back to the first note, of which it is said what has changed since.
  play.press('t');
  await play.shows('FROZEN');
  for (let steps = 0; steps < 20 && !play.lines().join('\n').includes('noted: before'); steps += 1) {
    // A frame may come for the clock alone, and is counted before it is on the screen: only its number tells that the
    // step was made. A step too many would go past the note.
    const from = place();
    play.press('[');
    await expect.poll(place, { timeout: 50_000 }).not.toBe(from);
  }
  await play.shows('noted: before');
  play.press(':', 'changes', 'enter');
  await play.shows(/What needs you:/);
  await play.shows(/came +\d\d:\d\d:\d\d +lock endless +warn no TTL/);
  await play.shows(/went +\d\d:\d\d:\d\d +lock stuck +warn no TTL/);
  await play.shows(/came +lock comes/);
  await play.shows(/went +lock goes/);
  expect(play.lines().join('\n')).not.toMatch(/(came|went|changed) +lock stays/);
});

test('a time that cannot be read is refused, and says how one is written', async () => {
  await play.shows('● live');
  play.press(':', 'changes yesterday', 'enter');
  await play.shows('Expected a time such as `15:00` or a duration such as `10m`');
});
