import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { errorOf, run } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

/** What each command does with several independent servers. */

let servers: readonly [RedisServer, RedisServer];
let urls: string[];
beforeAll(async () => {
  servers = [await startRedis('--appendonly', 'yes'), await startRedis('--appendonly', 'yes')];
  urls = servers.flatMap(({ url }) => ['--url', url]);
});
afterAll(() => Promise.all(servers.map((server) => server.close())));
beforeEach(async () => {
  for (const server of servers) await server.client().flushall();
});

test.each(
  [
    'chat create ops --members ada',
    'chat send ops hello --as ada',
    'chat list',
    'ship run /etc/hosts --channel logs: --consumers 1',
    'ship status',
    'log write web hello',
    'log list',
    'lock acquire deploy',
    'lock run deploy -- true',
    'lock break deploy --yes',
    'topic publish news hello',
    'topic status',
    'buffer incr hits home',
    'buffer flush hits --to sqlite:/nonexistent/file',
    'sync notify file',
    'sync run /tmp /nonexistent/target',
    'sync status',
  ].map((line) => line.split(' ')),
)('`%s %s` lives on one server: several are refused before any is asked', async (...words) => {
  const end = words.indexOf('--') === -1 ? words.length : words.indexOf('--');
  const failed = await run(words.toSpliced(end, 0, ...urls, '--json'));
  expect(failed.code).toBe(2);
  expect(failed.stdout).toBe('');
  expect(errorOf(failed)).toEqual({
    code: 'ONE_SERVER_ONLY',
    message: `\`${words[0]}\` lives on one server, and 2 are given: ${servers[0].url}, ${servers[1].url}`,
    hint: expect.stringContaining(`such as --url ${servers[0].url}`),
  });
  expect(await servers[0].client().dbsize()).toBe(0);
});

test('several servers of the environment are several, and one --url is one', async () => {
  const env = { QUARTERDECK_URL: servers.map(({ url }) => url).join(' ') };
  const failed = await run(['topic', 'publish', 'news', 'hello', '--json'], { env });
  expect([failed.code, errorOf(failed).code]).toEqual([2, 'ONE_SERVER_ONLY']);
  const told = await run(['topic', 'publish', 'news', 'hello', '--url', servers[1].url], { env });
  expect(told.code).toBe(0);
  expect(await servers[1].client().exists('topic:msgs:news')).toBe(1);
});

test('a snapshot says which parts are of the first server alone; counters and limits are of all', async () => {
  for (const name of ['a', 'b', 'c', 'd']) await run(['hits', 'add', name, ...urls]);
  const { code, stdout, stderr } = await run(['snapshot', '--json', ...urls]);
  expect(code).toBe(0);
  expect(stderr).toBe(
    `quarterdeck: Of the first server alone, ${servers[0].url}: chat, ship, log, lock, topic, buffer, sync\n`,
  );
  const whole = JSON.parse(stdout) as { hits: unknown[]; shards: unknown[] };
  expect([whole.hits.length, whole.shards.length]).toEqual([4, 2]);
  const frame = await run(['snapshot', '--pane', 'lock', ...urls]);
  expect(frame.stdout).toMatch(/1 lock .* shard 0 live/);
  expect((await run(['snapshot', '--pane', 'hits', '--json', ...urls])).stderr).toBe('');
});

test('doctor looks at every server and says where it found what', async () => {
  await servers[1].client().set('lock:forever', 'token');
  const { code, stdout } = await run(['doctor', '--json', ...urls]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject([
    { code: 'LOCK_WITHOUT_TTL', key: 'lock:forever', server: servers[1].url },
  ]);
  const shown = await run(['doctor', ...urls]);
  expect(shown.stdout).toContain(`LOCK_WITHOUT_TTL lock:forever at ${servers[1].url}`);
  expect((await run(['doctor', '--json', '--url', servers[0].url])).stdout).toBe('[]\n');
});
