import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CliOptions, finished, type Run, run, start } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { startSentinel } from '../helpers/redis-sentinel.ts';
import { startRedis } from '../helpers/redis-server.ts';

type Deployment = { readonly flags: readonly string[]; close(): Promise<void> };

const deployments: readonly (readonly [string, () => Promise<Deployment>])[] = [
  [
    'one server',
    async () => {
      const server = await startRedis();
      return { flags: ['--url', server.url], close: () => server.close() };
    },
  ],
  [
    'a Sentinel group',
    async () => {
      const group = await startSentinel();
      return { flags: ['--url', group.url, '--sentinel', group.name], close: () => group.close() };
    },
  ],
  [
    'a cluster of three primaries with a replica each',
    async () => {
      const cluster = await startCluster({ replicasEach: 1 });
      const urls = cluster.urls.flatMap((url) => ['--url', url]);
      return { flags: [...urls, '--cluster'], close: () => cluster.close() };
    },
  ],
];

describe.each(deployments)('on %s', (_, deploy) => {
  let deployment: Deployment;
  let directory: string;
  beforeAll(async () => {
    deployment = await deploy();
    directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-deployments-'));
  }, 120_000);
  beforeEach(() => awayFromTheEnd(hourMs, 20_000));
  afterAll(async () => {
    await deployment.close();
    rmSync(directory, { recursive: true });
  });

  const ask = (words: readonly string[], options: CliOptions = {}): Promise<Run> =>
    run([...words, ...deployment.flags, '--json'], options);
  /** Runs a command that must succeed, and gives its JSON. */
  const json = async (words: readonly string[], options: CliOptions = {}): Promise<unknown> => {
    const { code, stdout, stderr } = await ask(words, options);
    expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  const lines = ({ stdout }: Run): unknown[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  test('chat', async () => {
    await json(['chat', 'create', 'ops', '--members', 'ann,bob']);
    await json(['chat', 'join', 'ops', '--as', 'cem']);
    for (const text of ['one', 'two']) await json(['chat', 'send', 'ops', text, '--as', 'ann']);
    expect(await json(['chat', 'read', 'ops', '--as', 'bob'])).toMatchObject([
      { message: 'one' },
      { message: 'two' },
    ]);
    expect(await json(['chat', 'read', 'ops', '--as', 'bob'])).toEqual([]);
    await json(['chat', 'leave', 'ops', '--as', 'cem']);
    expect(await json(['chat', 'list'])).toMatchObject([{ room: 'ops', lastId: 2, messages: 0 }]);
  });

  test('ship', async () => {
    const base = path.join(directory, 'logs');
    mkdirSync(path.join(base, 'sub'), { recursive: true });
    const text = Array.from({ length: 30_000 }, (_, index) => `line ${index} of a log\n`).join('');
    writeFileSync(path.join(base, 'a.log'), text);
    writeFileSync(path.join(base, 'sub', 'b.log'), `${text}without an end`);
    const outs = ['0', '1'].map((id) => path.join(directory, `out-${id}`));
    const consuming = outs.map((out, id) =>
      finished(
        start(['ship', 'consume', 'logs:', '--as', String(id), '--out', out, ...deployment.flags], {
          stdin: '',
        }),
      ),
    );
    const shipped = await json([
      ...['ship', 'run', base, '--channel', 'logs:', '--consumers', '2', '--recursive'],
      ...['--budget', '1MiB', '--part', '256KiB'],
    ]);
    for (const { code, stderr } of await Promise.all(consuming))
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { files, peakBytes, budgetBytes } = shipped as {
      files: number;
      peakBytes: number;
      budgetBytes: number;
    };
    expect(files).toBe(2);
    expect(peakBytes).toBeLessThanOrEqual(budgetBytes);
    for (const out of outs)
      expect(spawnSync('diff', ['-r', base, out], { encoding: 'utf8' }).stdout).toBe('');
  });

  test('log', async () => {
    const stdin = Array.from({ length: 100 }, (_, index) => `request ${index} took ${index * 3} ms`).join(
      '\n',
    );
    await json(['log', 'write', 'web'], { stdin });
    const common = await json(['log', 'common', 'web']);
    expect(common).toMatchObject({ name: 'web', entries: [{ count: 100 }] });
    expect(await json(['log', 'recent', 'web', '--count', '5'])).toHaveLength(5);
  });

  test('limit', async () => {
    for (const algorithm of ['fixed', 'sliding', 'gcra']) {
      const hit = ['limit', 'hit', `key-${algorithm}`, '--max', '2', '--per', '1h', '--algorithm', algorithm];
      expect([(await ask(hit)).code, (await ask(hit)).code, (await ask(hit)).code]).toEqual([0, 0, 1]);
    }
    expect(await json(['limit', 'list'])).toHaveLength(3);
  });

  test('hits', async () => {
    await json(['hits', 'add', 'web', '3']);
    await json(['hits', 'add', 'web', '4']);
    expect(await json(['hits', 'sum', 'web', '--since', '1h'])).toMatchObject({ sum: 7 });
  });

  test('lock', async () => {
    const { token } = (await json(['lock', 'acquire', 'deploy', '--ttl', '30s'])) as { token: string };
    expect((await ask(['lock', 'acquire', 'deploy'])).code).toBe(1);
    const waiting = finished(
      start(['lock', 'run', 'deploy', '--wait', '20s', ...deployment.flags, '--', 'sh', '-c', 'exit 7'], {
        stdin: '',
      }),
    );
    await json(['lock', 'release', 'deploy', token]);
    expect((await waiting).code).toBe(7);
    expect(await json(['lock', 'list'])).toEqual([]);
  });

  test('topic', async () => {
    const subscribe = ['topic', 'subscribe', 'news', '--as', 'audit', '--from', 'start', '--until-caught-up'];
    const stdin = Array.from({ length: 500 }, (_, index) => `message ${index}`).join('\n');
    expect(await json(['topic', 'publish', 'news', '-'], { stdin })).toMatchObject({
      first: 1,
      last: 500,
      count: 500,
    });
    const read = lines(await ask(subscribe)) as { id: number; message: string }[];
    expect(read.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    // Awaited live: the notification has to reach a process that listens.
    const live = finished(
      start([...subscribe.slice(0, -1), '--count', '1', ...deployment.flags, '--json'], { stdin: '' }),
    );
    await json(['topic', 'publish', 'news', 'and now']);
    expect(lines(await live)).toMatchObject([{ id: 501, message: 'and now' }]);
  });

  test('buffer', async () => {
    const file = path.join(directory, 'app.db');
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE project (id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)');
    await json(['buffer', 'incr', 'project', '-'], { stdin: '1\t2\n2\t5\n1\t3\n' });
    expect(await json(['buffer', 'flush', 'project', '--to', `sqlite:${file}`])).toMatchObject({
      rows: 2,
      total: 10,
    });
    expect(
      database
        .prepare('SELECT id, count FROM project ORDER BY id')
        .all()
        .map((row) => ({ ...row })),
    ).toEqual([
      { id: 1, count: 5 },
      { id: 2, count: 5 },
    ]);
    database.close();
  });

  test('sync', async () => {
    const [base, target] = [path.join(directory, 'base'), path.join(directory, 'target')];
    mkdirSync(base);
    const runner = start(['sync', 'run', base, target, '--every', '100ms', '--json', ...deployment.flags], {
      stdin: '',
    });
    const ended = finished(runner);
    await new Promise((resolve) => runner.stdout?.once('data', resolve));
    writeFileSync(path.join(base, 'notified'), 'x');
    await json(['sync', 'notify', 'notified', '--base', base]);
    await expect.poll(() => spawnSync('diff', ['-r', base, target]).status, { timeout: 15_000 }).toBe(0);
    // A copy is confirmed after it was made; a runner that ends between the two leaves the change for the next.
    await expect
      .poll(() => json(['sync', 'status']), { timeout: 15_000 })
      .toEqual([expect.objectContaining({ queued: 0 })]);
    runner.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    expect(readFileSync(path.join(target, 'notified'), 'utf8')).toBe('x');
  });

  test('shards, snapshot and doctor', async () => {
    const servers = (await json(['shards', 'status'])) as { state: string; role: string }[];
    expect(servers.every(({ state }) => state === 'up')).toBe(true);
    expect(await json(['snapshot'])).toMatchObject({
      server: { kind: expect.any(String) },
      chat: [{ room: 'ops' }],
    });
    const findings = JSON.parse((await ask(['doctor'])).stdout) as { code: string }[];
    expect(findings.filter(({ code }) => code !== 'NOT_PERSISTENT')).toEqual([]);
  });
});
