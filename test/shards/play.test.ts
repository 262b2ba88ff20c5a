import { afterEach, expect, test } from 'vitest';
import { shardsOf } from '../../source/features/shards/shards.ts';
import { shortName } from '../../source/features/shards/state.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, expectRestored, type Play, startPlay } from '../helpers/terminal.ts';

/** An operator in a real terminal watches servers come and go. */

let play: Play;
let closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await play.close();
  for (const close of closers) await close();
  closers = [];
});

async function openShards(...flags: string[]): Promise<void> {
  play = startPlay({ args: [cli, ...flags], columns: 130, rows: 40 });
  await play.shows(/\d shards(?: !\d+)? {2}\d servers/);
  play.press(/(\d) shards/.exec(play.lines().join('\n'))?.[1] ?? '', 'z');
  await play.shows(/^┏━ \d shards .*┓$/m);
}

async function startTwo(): Promise<[RedisServer, RedisServer]> {
  const servers = [await startRedis(), await startRedis()] as [RedisServer, RedisServer];
  closers = servers.map((server) => () => server.close());
  return servers;
}
const row = (server: RedisServer, words: string): RegExp =>
  new RegExp(`${words.split(' ')[1]} +(\\d +)?${shortName(server.url)} +${words.split(' ')[0]}`);

test('one of two servers stops: it is DOWN in words, the other one is live, and it comes back', async () => {
  const [one, two] = await startTwo();
  await openShards('--url', one.url, '--url', two.url);
  await play.shows(/┏━ \d shards(?: !\d+)? {2}2 servers ━+┓/);
  await play.shows(row(one, 'primary up'));
  await play.shows(row(two, 'primary up'));

  await two.stop();
  await play.shows(/┏━ \d shards(?: !\d+)? {2}2 servers {2}1 DOWN ━+┓/);
  await play.shows(row(two, 'unknown DOWN'));
  await play.shows(row(one, 'primary up'));
  await play.shows(`${shortName(two.url)} is down, was up`);
  await play.shows(`0 ${shortName(two.url)} DOWN`);
  await play.shows('● live');

  play.press('z');
  await play.shows(/limit(?: !\d+)? {2}SHARD 1 DOWN.*╮/);
  await play.shows(/hits(?: !\d+)? {2}SHARD 1 DOWN.*╮/);
  // What lives on one server says on which.
  play.press('1');
  await play.shows(/1 chat ━+ shard 0 ━┓/);
  play.press('0');
  await play.shows('shard 0 of 2');
  await two.start();
  await play.hides('SHARD 1 DOWN');
  await play.shows(/┏━ \d shards(?: !\d+)? {2}2 servers ━/);
  play.press('z');
  await play.shows(row(two, 'primary up'));
  await play.shows(`${shortName(two.url)} is up, was down`);
  play.press('q');
  expect((await play.ended()).exitCode).toBe(0);
  expectRestored(play);
});

test('the first of two servers stops: the pane goes on with what it learns of both', async () => {
  const [one, two] = await startTwo();
  await openShards('--url', one.url, '--url', two.url, '--timeout', '3s');
  await play.shows(row(one, 'primary up'));
  await one.stop();
  await play.shows(row(one, 'unknown DOWN'));
  await play.shows(row(two, 'primary up'));
  await play.shows(/┏━ \d shards(?: !\d+)? {2}2 servers {2}1 DOWN ━+┓/);
  play.press('z');
  await play.shows(/limit(?: !\d+)? {2}SHARD 0 DOWN.*╮/);
  play.press('1');
  await play.shows(/1 chat ━+ shard 0 stale \d+s ━┓/);
  play.press('0');

  const { route } = shardsOf(
    [one, two].map((server) => ({ url: server.url, ask: server.client() })),
    'crc32-signed',
  );
  const [here = '', gone = ''] = [1, 0].map((shard) =>
    ['a', 'b', 'c', 'd'].find((key) => route(key) === shard),
  );
  play.press(':', `hits add ${here} 7`, 'enter');
  await play.shows(`${here}  7 added`);
  play.press(':', `hits add ${gone} 7`, 'enter');
  await play.shows(/Shard 0 at \S+ does not answer/);
  play.press(':', 'lock acquire deploy', 'enter');
  await play.shows('Not done: Redis is lost');
  play.press('z');
  await one.start();
  await play.shows(row(one, 'primary up'));
  await play.shows(/┏━ \d shards(?: !\d+)? {2}2 servers ━+┓/);
});

test('servers given in another order are reported, and so is another list', async () => {
  const [one, two] = await startTwo();
  const first = startPlay({ args: [cli, 'hits', 'add', 'web', '--url', one.url, '--url', two.url] });
  expect((await first.ended()).exitCode).toBe(0);
  await openShards('--url', two.url, '--url', one.url);
  await play.shows(/The servers are not in the order their data was written with: \S+ was shard 1/);
  await play.shows(/! \d+ need you .*not read: The servers are not in the order/);
});

test('a primary of a cluster is killed: the failover is reported, its slots are covered again, it comes back a replica', {
  timeout: 90_000,
}, async () => {
  const cluster = await startCluster({ replicasEach: 1 });
  closers = [() => cluster.close()];
  await openShards('--cluster', ...cluster.urls.flatMap((url) => ['--url', url]));
  await play.shows(/┏━ \d shards(?: !\d+)? {2}6 servers ━+┓/);
  await play.shows('slots 16,384 of 16,384 covered');
  const [killed = '', next = ''] = cluster.urls.map(shortName);
  await play.shows(new RegExp(`up +0 +${killed} +primary .* 5,462`));
  // Both copies of the first shard stand together, the primary first.
  await play.shows(new RegExp(`up +0 +${killed}[^]*up +0 +\\S+ +replica[^]*up +1 +${next}`));

  play.press('down', 'down', 'j');
  play.press('z');
  await play.shows('This server has nothing that Quarterdeck knows of');
  play.press('z');
  await play.shows(/^┏━ \d shards .*┓$/m);

  await cluster.primaries[0]?.stop();
  await play.shows(new RegExp(`${killed} is (failing|down), was up`));
  await play.shows(/127\.0\.0\.1:\d+ was promoted to primary/);
  await play.shows(/6 servers {2}1 DOWN/);
  await play.shows('slots 16,384 of 16,384 covered');
  await play.shows(/● live/);
  await cluster.primaries[0]?.start();
  await play.shows(`${killed} became a replica`);
  await play.hides('DOWN');
  await play.shows(new RegExp(`up +0 +${killed} +replica`));
});

test('more servers than lines: the selected one stays in view', async () => {
  const servers = await Promise.all(Array.from({ length: 6 }, () => startRedis()));
  closers = servers.map((server) => () => server.close());
  play = startPlay({
    args: [cli, ...servers.flatMap(({ url }) => ['--url', url])],
    columns: 60,
    rows: 10,
  });
  await play.shows('● live');
  play.press('0');
  await play.shows(/━ 0 shards(?: !\d+)? {2}6 servers/);
  // The ends of their names are cut here.
  const [first, last] = [servers[0]?.url ?? '', servers[5]?.url ?? ''].map((url) =>
    shortName(url).slice(0, 20),
  );
  await play.shows(first ?? '');
  for (let step = 0; step < 5; step += 1) play.press('down');
  await play.shows(last ?? '');
  for (let step = 0; step < 5; step += 1) play.press('k');
  await play.shows(first ?? '');
});
