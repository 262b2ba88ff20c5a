import { appendFileSync, copyFileSync, renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Shipped, ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, logLines, readTree, Scratch } from './harness.ts';

let scratch: Scratch;
let directory: string;
let stop: AbortController;
let copying: Promise<unknown>;
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  scratch = new Scratch();
  directory = scratch.files('in', { 'app.log': 'first\n' });
  stop = new AbortController();
  copying = copyTo(server, copy(), { as: '0', signal: stop.signal }).catch(() => {});
});
afterEach(async () => {
  stop.abort();
  await copying;
  scratch[Symbol.dispose]();
});

const copy = () => path.join(scratch.path, 'copy');
const at = (name: string) => path.join(directory, name);
const arrives = (expected: Record<string, string>) =>
  vi.waitFor(() => expect(readTree(copy())).toEqual(expected), { timeout: 15_000, interval: 50 });

/** Follows the directory until `ended` is called. */
function follow(onNote?: (note: string) => void): { ended(): Promise<Shipped> } {
  const ending = new AbortController();
  const listening = server.client();
  const following = ship(server.client(), [directory], {
    channel: 'logs:',
    consumers: 1,
    budgetBytes: 1024 * 1024,
    partBytes: 64 * 1024,
    follow: true,
    signal: ending.signal,
    listen: () => listening,
    ...(onNote && { onNote }),
  });
  return {
    ended() {
      ending.abort();
      return following;
    },
  };
}

test('whole lines as they come, also in files that come later, and goes on after a pause', async () => {
  const first = follow();
  await arrives({ 'app.log': 'first\n' });
  appendFileSync(at('app.log'), 'second\nthi');
  await arrives({ 'app.log': 'first\nsecond\n' });
  appendFileSync(at('app.log'), 'rd\n');
  writeFileSync(at('late.log'), logLines(200_000));
  await arrives({
    'app.log': 'first\nsecond\nthird\n',
    'late.log': logLines(200_000)
      .toString()
      .replace(/[^\n]*$/, ''),
  });
  expect(await first.ended()).toMatchObject({ isInterrupted: true, files: 2, notes: [], failed: [] });
  appendFileSync(at('app.log'), 'while nobody followed\n');
  const second = follow();
  await vi.waitFor(
    () => expect(readTree(copy())['app.log']).toBe('first\nsecond\nthird\nwhile nobody followed\n'),
    10_000,
  );
  await second.ended();
});

test('renamed away and made anew: the old one to its end, then the new one, each line once', async () => {
  const following = follow();
  await arrives({ 'app.log': 'first\n' });
  renameSync(at('app.log'), at('app.log.1'));
  appendFileSync(at('app.log.1'), 'last of the old\n');
  writeFileSync(at('app.log'), 'first of the new\n');
  await arrives({ 'app.log': 'first\nlast of the old\nfirst of the new\n' });
  // Names move on.
  renameSync(at('app.log.1'), at('app.log.2'));
  renameSync(at('app.log'), at('app.log.1'));
  writeFileSync(at('app.log'), 'third\n');
  await arrives({ 'app.log': 'first\nlast of the old\nfirst of the new\nthird\n' });
  expect((await following.ended()).notes).toEqual([]);
});

test('rotated while nobody followed: found again by what it is, not by its name', async () => {
  await follow().ended();
  const first = follow();
  await arrives({ 'app.log': 'first\n' });
  await first.ended();
  appendFileSync(at('app.log'), 'second\n');
  renameSync(at('app.log'), at('app.log.1'));
  writeFileSync(at('app.log'), 'new\n');
  const second = follow();
  await arrives({ 'app.log': 'first\nsecond\nnew\n' });
  expect((await second.ended()).notes).toEqual([]);
  // And what is known of the rotated one survives, too.
  const third = follow();
  appendFileSync(at('app.log'), 'newer\n');
  await arrives({ 'app.log': 'first\nsecond\nnew\nnewer\n' });
  await third.ended();
});

test('rotated away where it cannot be found: that is reported while following goes on', async () => {
  const first = follow();
  await arrives({ 'app.log': 'first\n' });
  await first.ended();
  appendFileSync(at('app.log'), 'lost\n');
  renameSync(at('app.log'), path.join(scratch.path, 'elsewhere'));
  writeFileSync(at('app.log'), 'new\n');
  const reported: string[] = [];
  const second = follow((note) => reported.push(note));
  await arrives({ 'app.log': 'first\nnew\n' });
  const notes = ['app.log: rotated while nobody followed; what came after byte 6 was not found'];
  await vi.waitFor(() => expect(reported).toEqual(notes), 10_000);
  expect((await second.ended()).notes).toEqual(notes);
});

test('copied and truncated: what the copy has more, then from the beginning', async () => {
  const following = follow();
  appendFileSync(at('app.log'), logLines(2000));
  await vi.waitFor(() => expect(readTree(copy())['app.log']?.length).toBeGreaterThan(1800), 10_000);
  appendFileSync(at('app.log'), '\nbefore the copy\n');
  copyFileSync(at('app.log'), at('app.log.1'));
  truncateSync(at('app.log'), 0);
  appendFileSync(at('app.log'), 'after the truncation\n');
  await arrives({ 'app.log': `first\n${logLines(2000)}\nbefore the copy\nafter the truncation\n` });
  await following.ended();
});

test('compressed files are shipped once, when nobody writes to them any more', async () => {
  const gzip = gzipSync('packed\n');
  writeFileSync(at('old.log.gz'), gzip);
  const past = new Date(Date.now() - 10_000);
  utimesSync(at('old.log.gz'), past, past);
  const following = follow();
  await arrives({ 'app.log': 'first\n', 'old.log.gz': gzip.toString('latin1') });
  await following.ended();
});
