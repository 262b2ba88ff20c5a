import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();

/** A process that holds the lock (or waits for it) until it is killed. */
function contender(label: string) {
  const words = [
    'lock',
    'run',
    'deploy',
    '--ttl',
    '2s',
    '--wait',
    '1h',
    '--label',
    label,
    '--',
    'sleep',
    '600',
  ];
  const child = spawn(process.execPath, [cli, ...words], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', QUARTERDECK_URL: server.url },
    stdio: 'ignore',
  });
  return child;
}

async function watchLocks(...flags: string[]): Promise<Play> {
  const play = startPlay({ args: [cli, '--url', server.url, ...flags], columns: 120, rows: 40 });
  await play.shows(/\d lock(?: !\d+)? {2}/);
  play.press(/(\d) lock {2}/.exec(play.lines().join('\n'))?.[1] ?? '');
  await play.shows(/┏━ \d lock(?: !\d+)? {2}/);
  return play;
}

test('a waiter appears, the holder dies, the next one gets it; then it is broken after a question', async () => {
  const play = await watchLocks();
  const first = contender('one');
  await play.shows(new RegExp(`held +deploy +\\S+:${first.pid} .* 0 `));
  await play.shows('1 held');

  const second = contender('two');
  await play.shows('1 held  1 waiting');
  await play.shows(new RegExp(`next \\S+:${second.pid} waits`));

  first.kill('SIGKILL');
  await play.shows(new RegExp(`held +deploy +\\S+:${second.pid} .* 0 `));
  await play.hides('waits');

  play.press('x');
  await play.shows(/Break deploy, held by \S+/);
  // No other key answers; p, which shows what would be sent, is not among these.
  play.press(...'delo', 'enter');
  await play.shows(/Break deploy, held by \S+/);
  await play.answer('n');
  await play.hides('Break deploy');
  expect(await redis.exists('lock:deploy')).toBe(1);
  play.press('x');
  await play.shows('Break deploy');
  await play.answer('y');
  await play.shows('No lock is held');
  expect(await redis.exists('lock:deploy')).toBe(0);
  second.kill('SIGKILL');
  await play.close();
});

test('read-only: nothing is broken, and the reason is said', async () => {
  await redis.set('lock:precious', 'foreign');
  await redis.zadd('quarterdeck:lock', Date.now(), 'precious');
  const play = await watchLocks('--read-only');
  await play.shows('precious');
  await play.shows('no TTL');
  play.press('x');
  await play.shows('read-only');
  expect(await redis.get('lock:precious')).toBe('foreign');
  await play.close();
});
