import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorOf, run } from '../helpers/cli.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
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
  const published = await run(['topic', 'publish', 'news', 'hello', '--url', servers[1].url], { env });
  expect(published.code).toBe(0);
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
  expect(frame.stdout).toMatch(/━ lock .*━ shard 0 ━┓/);
  expect((await run(['snapshot', '--pane', 'hits', '--json', ...urls])).stderr).toBe('');
});

test.each([0, 1])(
  'without server %i a snapshot gives what there is, says what is missing, exit 3',
  async (gone) => {
    for (const name of ['a', 'b', 'c', 'd']) await run(['hits', 'add', name, ...urls]);
    // What is empty has no tile in a frame.
    await run(['chat', 'create', 'ops', '--members', 'ada', '--url', servers[0].url]);
    await servers[gone]?.stop();
    try {
      const { code, stdout, stderr } = await run(['snapshot', '--json', ...urls]);
      expect(code).toBe(3);
      expect(stderr).toContain(`Without ${servers[gone]?.url}`);
      const whole = JSON.parse(stdout) as { server: unknown; hits: unknown[]; lock: unknown };
      expect(whole.hits.length).toBeGreaterThan(0);
      expect(whole.hits.length).toBeLessThan(4);
      expect([whole.server === null, whole.lock === null]).toEqual([gone === 0, gone === 0]);
      const frame = await run(['snapshot', ...urls]);
      expect(frame.code).toBe(3);
      // What is fresh says no more than whose it is.
      expect(frame.stdout).toMatch(gone === 0 ? /1 chat .*shard 0 failed/ : /1 chat [^│]*[─━] shard 0 [─━]/);
    } finally {
      await servers[gone]?.start();
    }
  },
);

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

describe('servers that are not as their data was written', () => {
  const words = [
    'hits add web',
    'hits sum web',
    'hits series web',
    'hits list',
    'limit hit ann --max 5 --per 1m',
    'limit peek ann --max 5 --per 1m',
    'limit reset ann',
    'limit list',
  ].map((line) => line.split(' '));
  const refused = async (given: readonly string[], sentence: string | RegExp): Promise<void> => {
    const before = await Promise.all(servers.map((server) => server.client().dbsize()));
    for (const each of words) {
      const failed = await run([...each, ...given, '--json']);
      expect(failed.stdout).toBe('');
      expect(failed.stderr.trim().split('\n')).toHaveLength(1);
      expect(errorOf(failed)).toEqual({
        code: 'SHARD_ORDER',
        message: expect.stringMatching(sentence),
        hint: expect.stringContaining(
          'Give every --url once, in the original order, with the original --router',
        ),
      });
      expect(failed.code).toBe(4);
    }
    expect(await Promise.all(servers.map((server) => server.client().dbsize()))).toEqual(before);
  };
  beforeEach(async () => {
    await run(['hits', 'add', 'web', ...urls]);
  });

  test('another order', async () => {
    const turned = servers.toReversed().flatMap(({ url }) => ['--url', url]);
    await refused(turned, `${servers[1].url} was shard 1 and is given as shard 0`);
    const status = await run(['shards', 'status', '--json', ...turned]);
    expect(status.code).toBe(0);
    expect(status.stderr).toContain('not in the order their data was written with');
  });

  test('another router', async () => {
    await refused([...urls, '--router', 'ketama'], 'they were routed by crc32-signed, not by ketama');
  });

  test('one more', async () => {
    const third = await startRedis();
    try {
      await refused([...urls, '--url', third.url], `${servers[0].url} is one of 2, and 3 are given`);
      expect(await third.client().dbsize()).toBe(0);
    } finally {
      await third.close();
    }
  });
});

test('a router that there is not', async () => {
  for (const words of [
    ['hits', 'add', 'web'],
    ['limit', 'list'],
    ['shards', 'status'],
  ]) {
    const failed = await run([...words, ...urls, '--router', 'md5', '--json']);
    expect(errorOf(failed)).toEqual({
      code: 'BAD_CONFIG',
      message: '--router: Expected one of crc32-signed, crc32, ketama, slot',
      hint: expect.any(String),
    });
    expect(failed.code).toBe(2);
  }
  const route = await run(['shards', 'route', 'key', '--router', 'md5', ...urls, '--json']);
  expect(errorOf(route).message).toContain('Expected one of crc32-signed, crc32, ketama, slot');
  expect(route.code).toBe(2);
});

test('in a cluster a name whose keys cannot share a slot is refused by every command, and nothing hangs', async () => {
  const cluster = await startCluster();
  const flags = [...cluster.urls.flatMap((url) => ['--url', url]), '--cluster', '--json'];
  try {
    for (const line of [
      'ship run /etc/hosts --channel }x --consumers 1',
      'log write }x hello',
      'hits add }x',
      'lock acquire }x',
      'buffer incr }x home',
      'topic publish }x hello',
      'sync notify file --channel }x',
      'chat create }x --members ada,bob',
      'chat send }x hello --as ada',
    ]) {
      const failed = await run([...line.split(' '), ...flags]);
      const { message } = errorOf(failed);
      expect([line, failed.code, failed.stdout, message]).toEqual([
        line,
        2,
        '',
        expect.stringContaining('`}x'),
      ]);
      expect(message).toContain('begins with a closing brace');
      expect(failed.stderr.trim().split('\n')).toHaveLength(1);
    }
    // With a tag of one's own the same commands go through.
    expect((await run(['lock', 'acquire', '{x}}', ...flags])).code).toBe(0);
  } finally {
    await cluster.close();
  }
});
