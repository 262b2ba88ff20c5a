import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isNotifying, roleNames } from '../../source/commands/acl-rights.ts';
import { features } from '../../source/features/index.ts';
import { commandsIn } from '../../source/redis/refusals.ts';
import { runHere } from '../helpers/batch.ts';
import { type RecordingProxy, startRecordingProxy } from '../helpers/recording-proxy.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';
import { exerciseAll, scriptOf } from './recording.ts';
import { type Stage, scenarios } from './role-scenarios.ts';
import { makeStage } from './role-stage.ts';

/**
 * Each role does all that it is for with the rights that `quarterdeck acl` prints, and nothing else: every command and
 * key pattern of its line was needed for that, and whatever is not on the line is refused.
 */

type Acl = {
  readonly line: string;
  readonly commands: readonly string[];
  readonly reads: readonly string[];
  readonly keys: readonly string[];
  readonly channels: readonly string[];
};

/**
 * What no scenario comes to: records of earlier versions, a target that halted, files that programs of the legacy
 * layout ship; and what subscribers may set aside, which those of a target never do.
 */
const seldom: readonly string[] = [
  'syncer hkeys',
  'syncer sync-resume:new_files',
  'syncer hexists',
  'syncer topic:aside:new_files:*',
  'consumer strlen',
];

const server = await redisForThisFile();
const admin = server.client();

async function aclOf(role: string, ...names: readonly string[]): Promise<Acl> {
  const { code, stdout, stderr } = await runHere(['acl', role, ...names, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Acl;
}

async function grant({ line }: Acl): Promise<void> {
  const [, , user = '', ...rules] = line.split(' ');
  await admin.call('ACL', 'SETUSER', user, ...rules, '>pw');
}

test('there is a scenario for every role, and a part of it in some feature', async () => {
  expect(Object.keys(scenarios).toSorted()).toEqual([...roleNames].toSorted());
  const loaded = await Promise.all(Object.values(features).map((load) => load()));
  const named = new Set(loaded.flatMap(({ roles = [] }) => roles.map(({ name }) => name)));
  expect([...named].toSorted()).toEqual([...roleNames].toSorted());
});

describe.each(Object.entries(scenarios))('%s', (role, { names, act, refused }) => {
  let proxy: RecordingProxy;
  let acl: Acl;
  let log: readonly unknown[];
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-roles-'));

  beforeAll(async () => {
    await admin.flushall();
    proxy = await startRecordingProxy(server.socket);
    const isWhole = names.length === 0;
    if (isWhole) await exerciseAll(server.url);
    acl = await aclOf(role, ...names);
    await grant(acl);
    await admin.call('ACL', 'LOG', 'RESET');
    await act(stage());
    log = (await admin.call('ACL', 'LOG')) as unknown[];
  }, 120_000);
  afterAll(async () => {
    await proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const stage = (): Stage =>
    makeStage({
      admin,
      folder,
      role,
      url: proxy.url,
      otherUrl: server.url,
      denials: async () => ((await admin.call('ACL', 'LOG')) as unknown[]).map(String),
      async opens(use, env) {
        const play = startPlay({
          args: [cli, '--url', proxy.url, '--read-only'],
          env,
          columns: 160,
          rows: 50,
        });
        try {
          await use();
        } finally {
          await play.close();
        }
      },
    });

  test('nothing that it does is refused', () => {
    expect(log.map(String)).toEqual([]);
  });

  test('every command was needed', () => {
    const used = usedCommands(proxy.sent);
    const unused = acl.commands.filter((command) => !used.has(command));
    expect(unused.filter((command) => !seldom.includes(`${role} ${command}`))).toEqual([]);
  });

  test('every pattern of keys and channels was needed', () => {
    const words = proxy.sent.flat();
    const unused = [...acl.reads, ...acl.keys, ...acl.channels].filter(
      (pattern) => !words.some((word) => matches(pattern, word)),
    );
    expect(unused.filter((pattern) => !seldom.includes(`${role} ${pattern}`))).toEqual([]);
  });

  test('every other command is refused', async () => {
    const all = (await admin.call('COMMAND', 'INFO')) as [name: string, arity: number][];
    const allowed: string[] = [];
    for (const [name, arity] of all) {
      const words = Array.from({ length: Math.abs(arity) - 1 }, () => '1');
      const isOk = await admin.call('ACL', 'DRYRUN', role, name, ...words).then(
        (reply) => reply === 'OK' || /to access/.test(String(reply)),
        () => false,
      );
      if (isOk && !acl.commands.some((command) => command.split('|')[0] === name)) allowed.push(name);
    }
    // What every connection may say, whatever its rights are.
    expect(allowed.filter((name) => !/^(auth|quit|reset)$/.test(name))).toEqual([]);
  });

  test('and so are other keys', async () => {
    const words = refused.split(' ');
    const { code, stderr } = await runHere([...words, '--json', '--timeout', '5s'], {
      url: server.url,
      env: { QUARTERDECK_USER: role, QUARTERDECK_PASSWORD: 'pw' },
    });
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('REDIS_DENIED') });
    expect(stderr).toMatch(/key|command|channel/);
    expect(stderr).not.toMatch(/bug/);
  });
});

test('a line in Cluster names hash tags and sharded channels', async () => {
  const { stdout } = await runHere(['acl', 'locker', 'deploy', '{a}b', '--as', 'me', '--cluster']);
  expect(stdout).toMatch(/^ACL SETUSER me on resetkeys resetchannels clearselectors -@all .*\+spublish/);
  expect(stdout).toContain(' ~lock:{deploy} ');
  expect(stdout).toContain(' ~lock:{a}b ');
  expect(stdout).toContain(' &lock-wake:{deploy}:*');
  const all = await runHere(['acl', 'logger', '--cluster']);
  expect(all.stdout).toContain(' ~common:*');
});

test.each([
  [['acl', 'viewer', 'ops'], 'takes no NAME'],
  [['acl', 'shipper'], 'needs the channel'],
  [['acl', 'locker', 'two words'], 'holds no space'],
  [['acl', 'sailor'], 'Expected one of viewer'],
])('%j is refused', async (words, sentence) => {
  const { code, stderr } = await runHere(words);
  expect(code).toBe(2);
  expect(stderr).toContain(sentence);
});

/** As rules name them: what was sent, and what the scripts that were sent call. */
function usedCommands(sent: readonly (readonly string[])[]): ReadonlySet<string> {
  // Whatever idles for long, or is asked to end, asks whether the server answers.
  const used = new Set(['ping']);
  for (const [first = '', second = ''] of sent) {
    const name = first.toLowerCase();
    used.add(name);
    used.add(`${name}|${second.toLowerCase()}`);
    if (name === 'hello') used.add('client|setname');
    if (!name.startsWith('eval')) continue;
    for (const one of [name, name.replace(/^eval(sha)?/, (word) => (word === 'eval' ? 'evalsha' : 'eval'))])
      used.add(one);
    const called = commandsIn(scriptOf(second)?.lua ?? second);
    if (isNotifying(scriptOf(second)?.lua ?? '')) used.add('publish');
    for (const command of called) used.add(command.toLowerCase().replace(' ', '|'));
  }
  return used;
}

/** As the server matches them. */
function matches(pattern: string, word: string): boolean {
  const source = pattern.replaceAll(/\\?[^*]|\*/g, (part) =>
    part === '*' ? '.*' : part.slice(-1).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^${source}$`, 's').test(word);
}
