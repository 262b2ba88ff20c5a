import { afterAll, beforeAll, expect, test } from 'vitest';
import { previewOf } from '../../source/commands/preview.ts';
import { type AnyCommand, parseInput } from '../../source/commands/run-command.ts';
import { readConfig } from '../../source/config.ts';
import type { CommandContext } from '../../source/features/feature.ts';
import { loadFeature } from '../../source/features/index.ts';
import { topicKeys } from '../../source/features/topic/own-layout/own-layout.ts';
import type { Client } from '../../source/redis/client.ts';
import { isCluster, masters } from '../../source/redis/client.ts';
import type { Connection } from '../../source/redis/connection/connect.ts';
import { openConnections } from '../../source/redis/connection/open-connections.ts';
import { runHere } from '../helpers/batch.ts';
import { oneOfEach } from '../helpers/one-of-each.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// A dry run shows what would be sent and changes nothing at all, on one server and on a cluster.

const server = await redisForThisFile();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

/** Every key with what it holds, by its DUMP. */
async function everything(client: Client): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const node of await masters(client)) {
    for (const key of (await node.keys('*')).toSorted()) {
      found[key] = (await node.dumpBuffer(key))?.toString('base64') ?? '';
    }
  }
  return found;
}

async function preview(
  connections: readonly [Connection, ...Connection[]],
  path: string,
  words: readonly string[],
  flags: Record<string, unknown> = {},
): Promise<readonly string[]> {
  const [noun = '', verb = ''] = path.split(' ');
  const feature = await loadFeature(noun);
  const command = feature?.commands.find((one) => one.verb === verb) as AnyCommand | undefined;
  if (!command) throw new Error(`There is no ${path}`);
  const input = parseInput(path, command, { words, flags, commandLine: [] });
  const [connection] = connections;
  const context: CommandContext = {
    redis: connection.ask,
    connections,
    config: readConfig({}, { HOME: '/nowhere', USER: 'ada' }),
    listen: () => connection.listen(),
    signal: new AbortController().signal,
    commandLine: [],
    async *stdin() {},
    async emit() {},
    async write() {},
    progress() {},
    warn() {},
    unconfirmed() {},
    printFrame: async () => [],
  };
  const asked = (await command.guard?.look(context, input))?.input ?? input;
  return await previewOf(path, command, context, asked as Record<string, unknown>);
}

const acts: readonly (readonly [path: string, words: readonly string[], sees: RegExp])[] = [
  ['lock break', ['a'], /script, which may .*SET.*\n +key +\S*lock:\S+ +string, expires in \S+: qd1:/],
  [
    'limit reset',
    ['a'],
    /script, which may RENAME, PEXPIRE\n +key +\S*limit:\S+ +string, expires in .*: 1\n +key +\S*limit:\S+:reset:\S+ +is not there[\s\S]*its refusals are forgotten/,
  ],
  [
    'topic drop',
    ['a', 'mailer'],
    /script, which may HSET, ZREM, HDEL, DEL\n.*topic:subs:\S+ +zset: mailer=0/,
  ],
  ['chat leave', ['a'], /key +\S*chat:\S+ +zset: ada=0 {2}3 members in all/],
  ['sync forget', ['/srv', 'cdn1'], /lock:[\s\S]*Once it has that lock it drops the subscriber/],
  ['topic publish', ['a', 'hello'], /script.*\n.*stream: 1 entry\n[\s\S]*depends on the answer/],
  ['buffer flush', ['a'], /It writes to SQL/],
  ['hits add', ['a'], /HINCRBY[\s\S]*hits:\S*a/],
  ['lock break', ['nobody'], /would change nothing: Nobody holds nobody/],
  ['topic discard', ['a', 'nobody', '1'], /would change nothing: it would fail: .*nobody/],
];

test.each(['one server', 'a cluster'] as const)('on %s it sends nothing that writes', async (where) => {
  const urls = where === 'one server' ? [server.url] : cluster.urls;
  const client = where === 'one server' ? server.client() : cluster.client();
  const place = ['--url', urls[0] ?? '', ...(where === 'one server' ? [] : ['--cluster'])];
  for (const words of oneOfEach('a')) await runHere([...words, ...place]);
  await runHere(['chat', 'join', 'a', '--as', 'ada', ...place]);
  await client.zadd(topicKeys(client, 'a').subs, 0, 'mailer');
  const connections = await openConnections(
    readConfig({ url: urls, cluster: where !== 'one server' }, { HOME: '/nowhere', USER: 'ada' }),
  );
  try {
    await connections[0].ready(10_000);
    expect(isCluster(connections[0].ask)).toBe(where !== 'one server');
    const before = await everything(client);
    for (const [path, words, sees] of acts) {
      const flags = path === 'buffer flush' ? { to: 'sqlite:/nowhere/a.db' } : {};
      const lines = await preview(connections, path, words, flags);
      expect(lines.join('\n'), path).toMatch(sees);
      expect(lines[0], path).toMatch(/^Nothing was sent/);
    }
    expect(await everything(client)).toEqual(before);
  } finally {
    for (const connection of connections) connection.close();
  }
});
