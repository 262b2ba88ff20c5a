import { expect, test } from 'vitest';
import { LogWriter } from '../../source/features/log/writer.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();

const write = async (severity: string, ...lines: string[]): Promise<void> => {
  await using writer = new LogWriter(redis, 'web', { severity });
  for (const line of lines) writer.write(line);
};

test('a person filters the leaderboard, opens a message, comes back, and turns to another severity', async () => {
  await awayFromTheEnd(hourMs, 30_000);
  await write(
    'error',
    'upstream timed out 1',
    'upstream timed out 2',
    'disk full on 10.0.0.9',
    'reset by peer 7',
  );
  await write('info', 'listening on port 80');
  const play = startPlay({ args: [cli, '--url', server.url], columns: 120, rows: 40 });
  await play.shows('upstream timed out <*>');
  // The log pane is the third on the screen, whatever its digit.
  const title = play.lines().join('\n');
  const digit = /(\d) log {2}web:error/.exec(title)?.[1] ?? '';
  play.press(digit);
  await play.shows(/┏━ \d log {2}web:error/);

  play.press('/', ...'disk');
  await play.hides('upstream timed out <*>');
  await play.shows('disk full on <*>');
  play.press('enter');
  await play.shows(/\/disk 1 of \d+/);

  play.press('z', 'enter');
  await play.shows('disk full on 10.0.0.9');
  await play.shows(/\d\d:\d\d:\d\d disk full on 10\.0\.0\.9/);
  play.press('esc');
  await play.hides('Esc closes details');
  play.press('z');
  await play.shows(/\/disk 1 of \d+/);

  // Escape brings back what was there before the typing.
  play.press('/', ...'xyz');
  await play.shows('Nothing matches diskxyz');
  play.press('esc');
  await play.shows(/\/disk 1 of \d+/);
  play.press('/', ...Array.from({ length: 4 }, () => 'backspace'), 'enter');
  await play.shows('upstream timed out <*>');

  await write('error', ...Array.from({ length: 50 }, (_, id) => `reset by peer ${id}`));
  await play.shows(/1 +–? *51 .*reset by peer <\*>/);

  play.press('s');
  await play.shows('web:info');
  await play.shows('listening on port <*>');
  play.press('q');
  expect((await play.ended()).exitCode).toBe(0);
});
