import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../helpers/batch.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { cli, startPlay } from '../helpers/terminal.ts';
import { type Stage, scenarios } from './role-scenarios.ts';
import { makeStage, ownFolders, userOf } from './role-stage.ts';

/**
 * The same on a Cluster: `quarterdeck acl ROLE --cluster` is enough on each of its servers, and nothing else is
 * allowed.
 */

type Acl = { readonly line: string; readonly commands: readonly string[] };

let cluster: RedisCluster;
let nodes: readonly Redis[];
beforeAll(async () => {
  cluster = await startCluster();
  nodes = cluster.primaries.map((server) => server.client());
}, 60_000);
afterAll(() => cluster.close());

/** What those who look at everything find. */
const things = [
  'chat create ops --members ann,bob',
  'lock acquire deploy --ttl 1m',
  'topic publish news a',
  'log write app one',
  'hits add visits 3',
  'buffer incr project 7',
];

describe.each(Object.entries(scenarios))('%s', (role, { names, act, refused }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-roles-'));
  let acl: Acl;
  let log: readonly string[];
  const settings = { QUARTERDECK_CLUSTER: '1', QUARTERDECK_TIMEOUT: '6s' };
  const logs = async (): Promise<readonly string[]> =>
    (await Promise.all(nodes.map((node) => node.call('ACL', 'LOG') as Promise<unknown[]>)))
      .flat()
      .map(String)
      // Which client it is, as ioredis says to servers newer than 7.0 where it listens in a Cluster: its answer is not read,
      // and 7.0 takes no line with that.
      .filter((entry) => !/client\|setinfo.*name=ioredis-cluster\(subscriber\)/.test(entry));

  beforeAll(async () => {
    await cluster.flush();
    if (names.length === 0) {
      for (const words of things)
        expect(await runHere(words.split(' '), { url: cluster.urls[0] ?? '', env: settings })).toMatchObject({
          code: 0,
          stderr: '',
        });
    }
    const printed = await runHere(['acl', role, ...names, '--cluster', '--json']);
    acl = JSON.parse(printed.stdout);
    const [, , user = '', ...rules] = acl.line.split(' ');
    for (const node of nodes) {
      await node.call('ACL', 'SETUSER', user, ...rules, '>pw');
      await node.call('ACL', 'LOG', 'RESET');
      await node.config('RESETSTAT');
    }
    await act(stage());
    log = await logs();
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const stage = (): Stage => {
    const url = cluster.urls[0] ?? '';
    return makeStage({
      admin: cluster.client(),
      folder,
      role,
      url,
      otherUrl: url,
      env: settings,
      denials: logs,
      async opens(use, env) {
        const play = startPlay({ args: [cli, '--url', url, '--read-only'], env, columns: 160, rows: 50 });
        try {
          await use();
        } finally {
          await play.close();
        }
      },
    });
  };

  test('nothing that it does is refused, on none of the servers', () => {
    expect(log).toEqual([]);
  });

  test('what it has for Cluster alone was needed', async () => {
    const stats = (await Promise.all(nodes.map((node) => node.info('commandstats')))).join('\n');
    const own = acl.commands.filter((command) =>
      /^(spublish|ssubscribe|sunsubscribe|cluster\|)/.test(command),
    );
    expect(own).toContain('cluster|slots');
    expect(own.filter((command) => !stats.includes(`cmdstat_${command}:`))).toEqual([]);
    // A syncer listens where programs of the legacy layout notify, too.
    const plain = acl.commands.filter((command) => /^(publish|subscribe|unsubscribe)$/.test(command));
    expect(plain).toEqual(role === 'syncer' ? ['subscribe', 'unsubscribe'] : []);
  });

  test('every other command is refused, on each of the servers', async () => {
    for (const node of nodes) {
      const all = (await node.call('COMMAND', 'INFO')) as [name: string, arity: number][];
      const allowed = await Promise.all(
        all.map(async ([name, arity]) => {
          const words = Array.from({ length: Math.abs(arity) - 1 }, () => '1');
          const reply = await node.call('ACL', 'DRYRUN', role, name, ...words).catch(() => '');
          const isOk = reply === 'OK' || /to access/.test(String(reply));
          return isOk && !acl.commands.some((command) => command.split('|')[0] === name) ? [name] : [];
        }),
      );
      expect(allowed.flat().filter((name) => !/^(auth|quit|reset)$/.test(name))).toEqual([]);
    }
  });

  test('and so are other keys', async () => {
    const { code, stderr } = await runHere([...refused.split(' '), '--json', '--timeout', '5s'], {
      url: cluster.urls[0] ?? '',
      env: { ...settings, ...ownFolders(folder), ...userOf(role) },
    });
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('REDIS_DENIED') });
  });
});
