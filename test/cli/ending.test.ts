import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { untilEnded } from '../../source/cli/ending.ts';
import { errorOf, finished, type Run, run, start } from '../helpers/cli.ts';
import { type RedisServer, redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const opened: RedisServer[] = [];
afterEach(async () => {
  for (const own of opened.splice(0)) {
    own.signal('SIGCONT');
    await own.close();
  }
});
async function ownServer(...options: string[]): Promise<RedisServer> {
  const own = await startRedis(...options);
  opened.push(own);
  return own;
}
const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-ending-'));
afterAll(() => rmSync(directory, { recursive: true }));

const signals = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const;
/** Whoever ends us waits for some seconds; a busy machine needs more of them for the same. */
const soonMs = 10_000;

/** Sends the signal and waits for the end. */
async function ends(child: ChildProcess, signal: NodeJS.Signals): Promise<Run & { readonly ms: number }> {
  const startedAt = performance.now();
  const ending = finished(child);
  child.kill(signal);
  return { ...(await ending), ms: performance.now() - startedAt };
}

test.each(signals)(
  '%s ends what waits for a server that never answers, and reports it',
  async (signal, code) => {
    const silent = createServer();
    silent.listen(0);
    await once(silent, 'listening');
    const address = silent.address();
    if (typeof address !== 'object' || address === null) throw new Error('Expected a port');
    const child = start(['chat', 'list'], { url: `redis://127.0.0.1:${address.port}` });
    const [socket] = await once(silent, 'connection');
    expect(await ends(child, signal)).toMatchObject({
      code,
      stdout: '',
      stderr: `quarterdeck: Ended by ${signal} before anything was sent\n`,
    });
    socket.destroy();
    silent.close();
  },
);

test.each(signals)('%s ends every command, though the server has fallen silent', async (signal, code) => {
  const own = await ownServer();
  const redis = own.client();
  const base = path.join(directory, `base-${signal}`);
  mkdirSync(base);
  writeFileSync(path.join(base, 'a.log'), 'one\n');
  await run(['chat', 'create', 'room', '--members', 'ann,bob'], { url: own.url });
  await run(['lock', 'acquire', 'busy', '--ttl', '1h'], { url: own.url });
  const begun = [
    ['topic', 'subscribe', 'news', '--as', 'one'],
    ['topic', 'publish', 'news', '-'],
    ['chat', 'tail', 'room', '--as', 'bob'],
    ['log', 'write', 'app'],
    ['hits', 'add', 'web', '-'],
    ['watch', '--json'],
    ['buffer', 'incr', 'views', '-'],
    ['sync', 'watch', base, '--channel', 'files'],
    ['sync', 'run', base, path.join(directory, `copy-${signal}`), '--channel', 'files'],
    ['ship', 'run', base, '--follow', '--channel', 'logs:', '--consumers', '1'],
    ['ship', 'consume', 'logs:', '--as', '0', '--out', path.join(directory, `out-${signal}`)],
    ['lock', 'run', 'job', '--', 'sleep', '60'],
    ['lock', 'run', 'busy', '--wait', '60s', '--', 'true'],
  ].map((words) => ({ words, child: start(words, { url: own.url }) }));
  await vi.waitFor(
    async () => {
      const names = String(await redis.client('LIST')).match(/name=quarterdeck:\S+:ask/g) ?? [];
      expect(new Set(names).size).toBeGreaterThanOrEqual(begun.length);
    },
    { timeout: 40_000, interval: 100 },
  );
  own.signal('SIGSTOP');
  const ended = await Promise.all(
    begun.map(async ({ words, child }) => ({ words, ...(await ends(child, signal)) })),
  );
  expect(ended.map(({ words, code: own }) => [words.join(' '), own])).toEqual(
    begun.map(({ words }) => [words.join(' '), code]),
  );
  expect(ended.filter(({ ms }) => ms > soonMs)).toEqual([]);
});

test('what a replica refuses ends at the first signal, and the refusal is the reason', async () => {
  const replica = await ownServer('--replicaof', '127.0.0.1', '1');
  const redis = replica.client();
  const child = start(['limit', 'hit', 'key', '--max', '2', '--per', '1m'], { url: replica.url });
  // By the third time it waits for longer than a signal gives it.
  await vi.waitFor(async () => expect(await redis.info('errorstats')).toMatch(/READONLY:count=[3-9]/));
  expect(await ends(child, 'SIGTERM')).toMatchObject({
    code: 143,
    stderr: expect.stringMatching(
      /^quarterdeck: Ended by SIGTERM (before it was done|while Redis at \S+ is a read-only replica)/,
    ),
  });
});

test('a server that refuses PING as well has answered', async () => {
  const own = await ownServer();
  const redis = own.client();
  mkdirSync(path.join(own.directory, 'dump.rdb'));
  await redis.config('SET', 'save', '3600 1');
  await redis.bgsave();
  await vi.waitFor(async () => expect(await redis.info('persistence')).toContain('bgsave_status:err'));
  const child = start(['buffer', 'incr', 'views', '-'], { url: own.url, stdin: '1\n' });
  await vi.waitFor(async () => expect(await redis.info('errorstats')).toContain('MISCONF'));
  const { code, stderr } = await ends(child, 'SIGTERM');
  expect(code).toBe(143);
  expect(stderr).toMatch(/could not save to its disk/);
  expect(stderr).not.toMatch(/did not answer/);
});

test('what was sent and not answered is said, with --json in one line of JSON', async () => {
  const { url, ...own } = await ownServer();
  const redis = own.client();
  await redis.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
  const words = ['limit', 'hit', 'key', '--max', '2', '--per', '1m'];
  const children = [start(words, { url }), start([...words, '--json'], { url })];
  await vi.waitFor(async () => expect(String(await redis.client('LIST')).match(/cmd=eval/g)).toHaveLength(2));
  const [text, json] = await Promise.all(children.map((child) => ends(child, 'SIGTERM')));
  const message = `Ended by SIGTERM while Redis at ${url} did not answer; its last write may be done or not`;
  expect(text).toMatchObject({ code: 143, stderr: `quarterdeck: ${message}\n` });
  expect(json && errorOf(json)).toEqual({ code: 'ENDED', message });
});

const fed = [
  [['topic', 'publish', 'news', '-'], '4 messages to news'],
  [['chat', 'send', 'room', '-', '--as', 'ann'], '1 message to room, 3 lines of stdin'],
  [['log', 'write', 'app'], '4 messages to app:info'],
  [['hits', 'add', 'web', '-'], '4 hits'],
  [['buffer', 'incr', 'views', '-'], '4 increments of views'],
] as const;

test.each([
  ['SIGTERM', 143],
  [undefined, 3],
] as const)('what was read and not confirmed is counted at the end (%s)', async (signal, code) => {
  const own = await ownServer();
  await run(['chat', 'create', 'room', '--members', 'ann,bob'], { url: own.url });
  const redis = own.client();
  const timeout = signal === undefined ? '2s' : '60s';
  const begun = fed.map(([words, left]) => ({
    left,
    child: start([...words, '--timeout', timeout], { url: own.url }),
  }));
  for (const { child } of begun) child.stdin?.write('1\n');
  const written = ['topic:msgs:news', 'msgs:room', 'common:app:info', 'hits:web:writers', 'pending:views'];
  await vi.waitFor(async () => expect(await redis.keys('*')).toEqual(expect.arrayContaining(written)));
  own.signal('SIGSTOP');
  for (const { child } of begun) child.stdin?.write('1\n1\n1\n1\n');
  const ended = await Promise.all(
    begun.map(async ({ child, left }) => ({
      left,
      ...(signal === undefined ? await finished(child) : await ends(child, signal)),
    })),
  );
  expect(ended.map((one) => one.code)).toEqual(ended.map(() => code));
  for (const { left, stderr } of ended) expect(stderr).toMatch(new RegExp(`not confirmed: ${left}\n`, 'i'));
});

test('every line that was taken before the signal is counted', async () => {
  const { url } = server;
  const child = start(['hits', 'add', 'taken', '-'], { url });
  child.stdin?.write('1\n');
  const sum = async (): Promise<string> => (await run(['hits', 'sum', 'taken'], { url })).stdout.trim();
  await vi.waitFor(async () => expect(await sum()).toBe('1'), { interval: 200 });
  child.kill('SIGSTOP');
  child.stdin?.write('1\n'.repeat(500));
  child.kill('SIGTERM');
  const ending = finished(child);
  child.kill('SIGCONT');
  expect((await ending).code).toBe(143);
  expect(await sum()).toBe('501');
});

test('a second signal ends at once', async () => {
  const own = await ownServer();
  const child = start(['log', 'write', 'app'], { url: own.url });
  const redis = own.client();
  child.stdin?.write('line\n');
  await vi.waitFor(async () => expect(await redis.exists('common:app:info')).toBe(1));
  own.signal('SIGSTOP');
  const ending = finished(child);
  child.kill('SIGTERM');
  child.kill('SIGINT');
  // In whichever order the two come: nothing is waited for, so nothing is said of it.
  expect(await ending).toMatchObject({ code: expect.toBeOneOf([130, 143]), stderr: '' });
});

/** Runs this in the process before the program itself. */
const injected = (code: string) => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}`,
});

test('what a library leaves ticking does not keep a process whose work is done', async () => {
  const env = injected('setInterval(() => {}, 1000)');
  expect(await run(['config'], { env })).toMatchObject({ code: 0, stderr: '' });
  expect(await run(['chat', 'list'], { env, url: server.url })).toMatchObject({ code: 0, stderr: '' });
  expect(await run(['chatt'], { env })).toMatchObject({ code: 2 });
});

test.each([
  ['an exception', "setTimeout(() => { throw new Error('odd\\nFORGED') }, 1500)"],
  ['a rejection', "setTimeout(() => Promise.reject(new Error('odd\\nFORGED')), 1500)"],
])('%s nobody caught is one line and exit 70', async (_, code) => {
  const env = injected(code);
  const words = ['watch', '--every', '100ms'];
  const failed = await finished(start(words, { env, url: server.url }));
  expect(failed.code).toBe(70);
  expect(failed.stderr).toBe(
    'quarterdeck: odd␊FORGED. This is a bug of quarterdeck; run it again with --debug\n',
  );
  const json = await finished(start([...words, '--json'], { env, url: server.url }));
  expect(json.code).toBe(70);
  expect(errorOf(json)).toMatchObject({ code: 'INTERNAL', message: 'odd\nFORGED' });
});

test('a terminal that reads an answer passes Ctrl-C on', async () => {
  const { startPlay, cli } = await import('../helpers/terminal.ts');
  await run(['lock', 'acquire', 'held', '--ttl', '1h'], { url: server.url });
  const play = startPlay({ args: [cli, 'lock', 'break', 'held', '--url', server.url] });
  await play.shows('[y/N]');
  play.press('ctrl+c');
  expect((await play.ended()).exitCode).toBe(130);
  await play.close();
});

test.each([
  ['its own end', new DOMException('SIGTERM', 'AbortError'), 0],
  ['a failure that nobody expected', new TypeError('Cannot read what was kept'), 1],
])('after a signal %s is reported so many times', async (_, failure, count) => {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = names.map((name) => process.listeners(name));
  onTestFinished(() => {
    for (const [index, name] of names.entries())
      for (const one of process.listeners(name)) if (!before[index]?.includes(one)) process.off(name, one);
  });
  const report = vi.fn(async () => {});
  const ended = untilEnded(
    async (signal) => {
      await once(signal, 'abort');
      throw failure;
    },
    { isSupervising: false, report },
  );
  process.emit('SIGTERM', 'SIGTERM');
  expect(await ended).toBe(143);
  expect(report).toHaveBeenCalledTimes(count);
});
