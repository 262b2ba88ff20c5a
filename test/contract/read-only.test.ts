import { expect, test } from 'vitest';
import { share } from '../../source/features/chat/frames.ts';
import { features } from '../../source/features/index.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { exerciseAll } from './recording.ts';

/**
 * What reads runs for a user who may only read: keys by `%R~*`, and no command that writes. Everything is used once,
 * then each command that says it reads is run as that user; nothing may be refused, and nothing changes.
 */

const server = await redisForThisFile();
const url = server.url;
await exerciseAll(url);
const admin = server.client();
const frame = { quarterdeckFrame: 1 as const, at: 0, server: 's', columns: 1, rows: 1, lines: ['x'] };
const shared = await share(admin, 'ops', 'bob', { text: 'look', frame });
// `~*` for the default user is what the other rights are taken from.
await admin.call(
  'ACL',
  'SETUSER',
  'viewer',
  'on',
  '>pw',
  '%R~*',
  '&*',
  '+@all',
  '-@write',
  '-@admin',
  '-publish',
);

/** The words behind each command that reads. */
const words: Readonly<Record<string, readonly string[]>> = {
  'chat list': [],
  'chat pins': ['ops'],
  'chat timeline': ['ops'],
  'chat who': ['ops'],
  'chat frame': ['ops', shared.frame],
  'chat read': ['ops', '--as', 'bob', '--peek'],
  'ship aside': [],
  'ship status': [],
  'log common': ['app'],
  'log recent': ['app'],
  'log list': [],
  'limit peek': ['again', '--max', '2', '--per', '1m'],
  'limit list': [],
  'lock list': [],
  'topic aside': [],
  'topic status': [],
  'buffer pending': [],
  'buffer aside': [],
  'hits sum': ['visits'],
  'hits series': ['visits'],
  'hits list': [],
  'sync status': [],
  'shards route': ['a'],
  'shards status': [],
};

const reading = (
  await Promise.all(
    Object.entries(features).map(async ([noun, load]) => {
      const { commands } = await load();
      return commands.filter(({ writes }) => !writes).map(({ verb }) => `${noun} ${verb}`);
    }),
  )
).flat();

test('each command that reads is tried', () => {
  expect(reading.filter((command) => !Object.hasOwn(words, command))).toEqual([]);
});

test.each([...reading, 'chat read', 'snapshot', 'doctor'])('%s', async (command) => {
  const given = words[command] ?? [];
  const before = await admin.info('commandstats');
  const ran = await run([...command.split(' '), ...given, '--json', '--user', 'viewer'], {
    url,
    env: { QUARTERDECK_PASSWORD: 'pw' },
  });
  expect(ran.stderr).not.toMatch(/REDIS_DENIED|INTERNAL|does not allow/);
  expect([0, 1]).toContain(ran.code);
  expect(refused(await admin.info('commandstats'))).toEqual(refused(before));
});

/** How often each command was rejected. */
function refused(stats: string): readonly string[] {
  return Array.from(
    stats.matchAll(/cmdstat_(\S+):\S*rejected_calls=([1-9]\d*)/g),
    ([, name = '', count]) => `${name} ${count}`,
  ).filter((line) => !/^(info|client|hello)/.test(line));
}
