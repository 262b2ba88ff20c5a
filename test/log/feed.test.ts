import { beforeEach, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { feed } from '../../source/features/log/feed.ts';
import feature from '../../source/features/log/index.ts';
import { logKeys } from '../../source/features/log/keys.ts';
import { common, writeBatch } from '../../source/features/log/log.ts';
import { initial, type LogSlice, logList, step } from '../../source/features/log/state.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { looking } from '../helpers/list.ts';
import { type RedisServer, redisForThisFile } from '../helpers/redis-server.ts';

let redis: ReturnType<RedisServer['client']>;
const server = await redisForThisFile();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 10_000);
  redis = server.client();
  await redis.flushall();
});

const read = async (slice: LogSlice): Promise<LogSlice> => {
  const config = readConfig({}, {});
  return (await feed.read({ redis, connections: [], config }, slice))(slice);
};
const write = async (severity: string, ...lines: string[]): Promise<void> => {
  await using writer = new LogWriter(redis, 'web', { severity });
  for (const line of lines) writer.write(line);
};
test('nothing at first, then the loudest log, then the one that is chosen', async () => {
  const empty = await read(initial);
  expect(empty).toMatchObject({ logs: [], selected: undefined, board: undefined });
  await write('info', 'listening on port 80');
  await write('error', 'timed out after 3 s', 'timed out after 4 s');
  const live = await read(empty);
  expect(live.selected).toEqual({ name: 'web', severity: 'error' });
  expect(live.board?.entries).toMatchObject([
    { message: 'timed out after <*>', count: 2, sample: 'timed out after 3 s' },
  ]);
  const other = await read(step(live, 1));
  expect(other.board?.entries).toMatchObject([{ message: 'listening on port <*>' }]);
});

test('an idle log is the same slice again, for three commands', async () => {
  await write('error', 'timed out after 3 s');
  const live = await read(await read(initial));
  let sent = 0;
  const send = redis.sendCommand.bind(redis);
  Object.assign(redis, {
    sendCommand(...words: Parameters<typeof send>) {
      sent += 1;
      return send(...words);
    },
  });
  expect(await read(live)).toBe(live);
  expect(sent).toBe(3);
});

test('of very many logs the ones written to last are shown, and how many there are', async () => {
  await write('error', 'disk full');
  const names = Array.from({ length: 2000 }, (_, index) => [index + 1, `old:${index}:info`]);
  await redis.zadd('quarterdeck:log', ...names.flat());
  const live = await read(initial);
  expect(live.logs).toHaveLength(300);
  expect(live.selected).toEqual({ name: 'web', severity: 'error' });
  expect(feature.headline(live)).toContain('300 of 2,001 logs');
});

test('recent lines are read while a message is open, each with its template', async () => {
  await write('error', 'timed out after 3 s', 'disk full');
  const live = await read(initial);
  expect(live.recent).toEqual([]);
  const opened = await read(looking(logList).open(live));
  expect(opened.recent.map(({ message, template }) => [message, template])).toEqual([
    ['disk full', 'disk full'],
    ['timed out after 3 s', 'timed out after <*>'],
  ]);
  expect(feed.subject?.(opened)).not.toBe(feed.subject?.(live));
});

test('reading shows an hour that is over as over, and leaves it to the next writer', async () => {
  const log = { name: 'web', severity: 'error' };
  const yesterday = Math.floor(Date.now() / 1000) - 24 * 3600;
  const keys = logKeys(redis, log);
  await write('error', 'x');
  await redis.del(keys.common, keys.start);
  const batch = { counted: [{ message: 'old', count: 3, sample: '' }], lines: [] };
  await writeBatch(redis, keys, { lane: 'test', number: 1 }, batch, { clock: yesterday });
  const before = await redis.keys('*');
  expect((await read(initial)).board).toMatchObject({ total: 0, entries: [], gone: [] });
  expect((await redis.keys('*')).toSorted()).toEqual(before.toSorted());
  expect((await common(redis, log)).previousHour).toBeNull();
});
