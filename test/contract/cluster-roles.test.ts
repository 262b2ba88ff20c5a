import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../helpers/batch.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
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

/** Those whose scenario names no key by itself: on a Cluster keys have other names. */
const roles = ['logger', 'counter', 'limiter', 'producer', 'publisher'] as const;

describe.each(roles)('%s', (role) => {
  const scenario = scenarios[role];
  if (!scenario) throw new Error(`No scenario for ${role}`);
  const { names, act, refused } = scenario;
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-roles-'));
  let acl: Acl;
  let log: readonly string[];
  const settings = { QUARTERDECK_CLUSTER: '1', QUARTERDECK_TIMEOUT: '6s' };
  const logs = async (): Promise<readonly string[]> =>
    (await Promise.all(nodes.map((node) => node.call('ACL', 'LOG') as Promise<unknown[]>)))
      .flat()
      .map(String);

  beforeAll(async () => {
    await cluster.flush();
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
    const admin = cluster.client() as unknown as Redis;
    return makeStage({ admin, folder, role, url, otherUrl: url, env: settings, denials: logs });
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
    expect(acl.commands).not.toContain('publish');
    expect(acl.commands).not.toContain('subscribe');
  });

  test('every other command is refused, on each of the servers', async () => {
    for (const node of nodes) {
      const all = (await node.call('COMMAND', 'INFO')) as [name: string, arity: number][];
      const allowed: string[] = [];
      for (const [name, arity] of all) {
        const words = Array.from({ length: Math.abs(arity) - 1 }, () => '1');
        const isOk = await node.call('ACL', 'DRYRUN', role, name, ...words).then(
          (reply) => reply === 'OK' || /to access/.test(String(reply)),
          () => false,
        );
        if (isOk && !acl.commands.some((command) => command.split('|')[0] === name)) allowed.push(name);
      }
      expect(allowed.filter((name) => !/^(auth|quit|reset)$/.test(name))).toEqual([]);
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

test.each([
  ['viewer', ['snapshot --json', 'doctor', 'lock list', 'topic status', 'chat read ops --as bob --peek']],
  ['doctor', ['doctor --fix', 'doctor']],
])(
  'what %s looks at is refused on none of the servers',
  async (role, looks) => {
    await cluster.flush();
    const url = cluster.urls[0] ?? '';
    const env = { QUARTERDECK_CLUSTER: '1', QUARTERDECK_TIMEOUT: '6s' };
    const things = [
      'chat create ops --members ann,bob',
      'lock acquire deploy --ttl 1m',
      'topic publish news a',
    ];
    for (const words of [...things, 'log write app one', 'hits add visits 3', 'buffer incr project 7'])
      expect(await runHere(words.split(' '), { url, env })).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await runHere(['acl', role, '--cluster', '--json']);
    const [, , user = '', ...rules] = (JSON.parse(stdout) as Acl).line.split(' ');
    for (const node of nodes) {
      await node.call('ACL', 'SETUSER', user, ...rules, '>pw');
      await node.call('ACL', 'LOG', 'RESET');
    }
    for (const words of looks) {
      const { code, stderr } = await runHere(words.split(' '), { url, env: { ...env, ...userOf(role) } });
      expect({ words, stderr, hasAnswered: code < 2 }).toEqual({ words, stderr: '', hasAnswered: true });
    }
    for (const node of nodes) expect(await node.call('ACL', 'LOG')).toEqual([]);
  },
  60_000,
);
