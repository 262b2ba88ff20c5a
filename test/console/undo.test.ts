import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Limiter } from '../../source/features/limit/limit.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

// What was done from a console stands in a file, and what can be taken back is taken back, with both confirmed by Redis.

const server = await redisForThisFile();
const redis = server.client();
const day = 86_400_000;
let play: Play | undefined;
let home = '';
let subject = '';
let tests = 0;
beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
  await redis.flushall();
  // The index notes a limit of one process once a minute.
  tests += 1;
  subject = `key${tests}`;
});
afterEach(async () => {
  await play?.close();
  play = undefined;
  rmSync(home, { recursive: true, force: true });
});

const used = async (): Promise<number> =>
  100 - (await new Limiter(redis, { max: 100, perMs: 30 * day }).peek(subject)).remaining;
const spend = async (cost: number): Promise<void> => {
  const limiter = new Limiter(redis, { max: 100, perMs: 30 * day });
  await limiter.hit(subject, cost);
  await limiter.close();
};
const start = (args: readonly string[] = [], columns = 160): Play =>
  startPlay({
    args: [cli, '--url', server.url, '--operator', 'ada', ...args],
    columns,
    rows: 40,
    env: { XDG_STATE_HOME: home },
  });
const trail = async () =>
  (await runHere(['audit', '--json'], { env: { XDG_STATE_HOME: home } })).stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { command: string; outcome: string; answer: string; input: unknown });
const typed = (line: string): string[] => [':', line, 'enter'];

/** Resets the limit of the subject by keys. */
const startAndReset = async (args: readonly string[] = [], columns = 160): Promise<Play> => {
  const begun = start(args, columns);
  play = begun;
  await begun.shows('● live');
  begun.press('4');
  await begun.shows(new RegExp(`> .*${subject}`));
  begun.press('x');
  await begun.shows('all of its limits back?');
  await begun.answer('y');
  await begun.shows('has its limit back');
  return begun;
};

test.each([160, 80])(
  'a limit that was reset is used up again: keys, list, question, answer; %d wide',
  async (columns) => {
    await spend(40);
    play = await startAndReset([], columns);
    await vi.waitFor(async () => expect(await used()).toBe(0));
    await spend(2);
    play.press(...typed('undo'));
    await play.shows(/1 {2}\d\d:\d\d:\d\d {2}limit reset: key/);
    await play.shows('`:undo 1` takes it back');
    play.press('enter');
    await play.shows('Take back limit reset of');
    expect(await used()).toBe(2);
    await play.answer('y');
    await play.shows('has used again what it had used');
    await vi.waitFor(async () => expect(await used()).toBe(42));
    play.press(...typed('undo 1'));
    await play.shows('Nothing was taken back');
    expect(await used()).toBe(42);
    await vi.waitFor(async () =>
      expect(await trail()).toMatchObject([
        { command: 'undo', outcome: 'done', input: { number: '1' }, operator: 'ada' },
        { command: 'limit reset', outcome: 'done', input: { subject }, server: expect.any(String) },
      ]),
    );
    const folder = path.join(home, 'quarterdeck', 'audit');
    for (const name of readdirSync(folder))
      expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
    play.press(...typed('audit'));
    await play.shows(/WHEN +WHO +WHERE/);
    await play.shows('limit reset');
  },
);

test('what cannot be taken back is listed with the reason, and nothing is done', async () => {
  await acquire(redis, 'deploy', { ttlMs: 600_000, waitMs: 0 });
  play = start();
  await play.shows('● live');
  play.press('6');
  await play.shows('> held');
  play.press('x');
  await play.shows('Break deploy');
  await play.answer('y');
  await play.shows('Broke deploy');
  play.press(...typed('undo'));
  await play.shows('cannot be taken back: it was freed or handed on');
  play.press('esc');
  await play.hides('cannot be taken back:');
  play.press(...typed('undo 1'));
  await play.shows('Nothing was taken back: `lock break` cannot be');
  expect(await redis.exists('lock:deploy')).toBe(0);
});

test('what others have gone on from is not taken back, and that is said', async () => {
  await spend(40);
  play = await startAndReset();
  // The hour is over.
  const kept = await redis.keys(`limit:${subject}:reset:*`);
  expect(kept).toHaveLength(1);
  await redis.del(...kept);
  play.press(...typed('undo 1'));
  await play.shows('Take back limit reset of');
  await play.answer('y');
  await play.shows('Nothing is kept of the reset');
  expect(await used()).toBe(0);
  await vi.waitFor(async () =>
    expect((await trail())[0]).toMatchObject({
      command: 'undo',
      outcome: 'failed',
      answer: expect.stringContaining('Nothing is kept'),
    }),
  );
});

test.each([
  ['is nobody’s again', false],
  ['stays another’s who has taken it on since', true],
])('a need that was taken on %s', async (_, isTaken) => {
  await redis.set('lock:stuck', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'stuck');
  play = start();
  await play.shows('! 1 needs you');
  play.press('!', 'a');
  await play.shows('on it, note ›');
  play.press('enter');
  await play.shows('is yours until');
  expect(await redis.hlen('quarterdeck:acks')).toBe(1);
  if (isTaken) {
    const id = 'lock.noTtl stuck';
    const [found = ''] = await redis.hkeys('quarterdeck:acks');
    expect(found).toBe(id);
    const env = { XDG_STATE_HOME: home };
    const taken = await runHere(['ack', id, '--operator', 'bob'], { url: server.url, env });
    expect(taken).toMatchObject({ code: 0 });
  }
  play.press('esc');
  await play.hides(/needs {2}\d open/);
  play.press(...typed('undo 1'));
  await play.shows('Take back ack of');
  await play.answer('y');
  await play.shows(isTaken ? 'bob has said so meanwhile' : "is nobody's again");
  expect(await redis.hlen('quarterdeck:acks')).toBe(isTaken ? 1 : 0);
});

test('in production nothing is changed that cannot be noted', async () => {
  await spend(40);
  const config = path.join(home, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({ contexts: { prod: { url: server.url, production: true, readOnly: false } } }),
    { mode: 0o600 },
  );
  // What stands there is no folder.
  mkdirSync(path.join(home, 'quarterdeck'), { mode: 0o700 });
  const before = path.join(home, 'quarterdeck', 'audit');
  writeFileSync(before, 'not a folder');
  play = startPlay({
    args: [cli, '--config', config, '--context', 'prod', '--operator', 'ada'],
    columns: 160,
    rows: 40,
    env: { XDG_STATE_HOME: home },
  });
  await play.shows('● live');
  play.press('4');
  await play.shows(new RegExp(`> .*${subject}`));
  play.press('x');
  await play.shows('all of its limits back?');
  await play.answer('y');
  await play.shows('Not done: The audit trail');
  expect(await used()).toBe(40);
  expect(readFileSync(before, 'utf8')).toBe('not a folder');
});

test('elsewhere it is done, and that it is not in the trail is said with the answer', async () => {
  await spend(40);
  writeFileSync(path.join(home, 'quarterdeck'), 'not a folder');
  play = start([], 200);
  await play.shows('● live');
  play.press('4');
  await play.shows(new RegExp(`> .*${subject}`));
  play.press('x');
  await play.shows('all of its limits back?');
  await play.answer('y');
  await play.shows(/has its limit back; but The audit trail .* cannot be written/);
  expect(await used()).toBe(0);
});
