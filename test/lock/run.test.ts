import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CliOptions, errorOf, finished, run, start } from '../helpers/cli.ts';
import { gone, isAlive } from '../helpers/processes.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { renewals } from './renewals.ts';

let server: RedisServer;
let redis: Redis;
let directory: string;
let at: CliOptions;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-run-'));
  at = { url: server.url };
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const held = (name: string) =>
  vi.waitFor(async () => expect(await redis.exists(`lock:${name}`)).toBe(1), 10_000);

/** A script that writes its pid and reports each signal it gets; it ends with `exitCode` on SIGTERM, or never. */
function reporter(file: string, exitCode: number | 'never'): string[] {
  const onTerm = exitCode === 'never' ? '' : `exit ${exitCode}`;
  const script = `for s in INT HUP USR1 USR2; do trap "echo $s >> ${file}" $s; done
trap "echo TERM >> ${file}; ${onTerm}" TERM
echo pid $$ >> ${file}
while :; do sleep 0.05; done`;
  return ['sh', '-c', script];
}

const lines = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n');
const pidIn = (file: string) =>
  vi.waitFor(
    () => Number(/^pid (\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? expect.fail('not started')),
    10_000,
  );

describe('the command', () => {
  test('knows its lock, and its exit code and output pass through', async () => {
    const script = 'read line; echo "$line $LOCK_NAME $LOCK_TOKEN $LOCK_FENCE"; exit 7';
    const child = start(['lock', 'run', 'through', '--', 'sh', '-c', script], { ...at, stdin: 'in\n' });
    const { code, stdout, stderr } = await finished(child);
    expect([code, stderr]).toEqual([7, '']);
    expect(stdout).toMatch(/^in through qd1:\S+:sh \d{16}\n$/);
    expect(await redis.exists('lock:through')).toBe(0);
  });

  test('has its token in its environment, where only its own user may look, and in no list of processes', async () => {
    const script =
      'for each in /proc/[0-9]*/cmdline; do grep -qF "$LOCK_TOKEN" $each && cat $each; done; echo none';
    const ran = await run(['lock', 'run', 'secret', '--', 'sh', '-c', script], at);
    expect(ran).toMatchObject({ code: 0, stdout: 'none\n' });
  });

  test.each([
    ['killed by a signal', ['sh', '-c', 'kill -KILL $$'], 137],
    ['not found', ['no-such-command'], 127],
    ['not executable', ['/etc/passwd'], 126],
  ])('%s: the exit code of a shell', async (_, command, code) => {
    expect((await run(['lock', 'run', 'codes', '--', ...command], at)).code).toBe(code);
    expect(await redis.exists('lock:codes')).toBe(0);
  });

  test('leaves alone what it started in the background', async () => {
    const { code, stdout } = await run(
      ['lock', 'run', 'background', '--', 'sh', '-c', 'sleep 30 >/dev/null 2>&1 & echo $!'],
      at,
    );
    expect(code).toBe(0);
    expect(isAlive(Number(stdout))).toBe(true);
    process.kill(Number(stdout), 'SIGKILL');
  });

  test('is renewed beyond the TTL', async () => {
    const child = start(['lock', 'run', 'long', '--ttl', '1s', '--', 'sh', '-c', 'read line'], at);
    const done = finished(child);
    await held('long');
    const token = await redis.get('lock:long');
    await renewals(redis, 'lock:long', 5);
    expect(await redis.get('lock:long')).toBe(token);
    child.stdin?.end('enough\n');
    expect((await done).code).toBe(0);
  });
});

test('works from the sources too', async () => {
  const [script = '', register = ''] = ['./run-unbuilt.ts', '../../scripts/register-lua.ts'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  );
  const command = ['sh', '-c', 'echo $LOCK_NAME; exit 4'];
  const child = spawn(process.execPath, ['--import', register, script, server.url, ...command]);
  const { code, stdout, stderr } = await finished(child);
  expect({ code, stdout, stderr }).toEqual({ code: 4, stdout: 'unbuilt\n', stderr: '' });
});

describe('when somebody else holds it', () => {
  test.each([
    ['-n', ['-n'], 1],
    ['-n -E 75', ['-n', '-E', '75'], 75],
    ['--wait', ['--wait', '200ms'], 1],
  ])('%s', async (_, flags, code) => {
    await redis.set('lock:taken', 'somebody', 'PX', 60_000);
    const ran = await run(['lock', 'run', 'taken', ...flags, '--', 'echo', 'ran'], at);
    expect(ran).toEqual({ code, stdout: '', stderr: '' });
    await redis.del('lock:taken');
  });

  test('waits its turn', async () => {
    const first = finished(
      start(['lock', 'run', 'turn', '--ttl', '1m', '--', 'sh', '-c', 'sleep 0.5; echo first'], at),
    );
    await held('turn');
    const startedAt = performance.now();
    const second = await run(['lock', 'run', 'turn', '--', 'echo', 'second'], at);
    expect(second.stdout).toBe('second\n');
    expect((await first).stdout).toBe('first\n');
    // Whoever is not notified looks again after half a minute.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the wait and leaves no place in the queue', async (signal, code) => {
    await redis.set('lock:endless', 'somebody', 'PX', 60_000);
    const child = start(['lock', 'run', 'endless', '--', 'true'], at);
    const done = finished(child);
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:endless')).toBe(1), 10_000);
    child.kill(signal);
    expect((await done).code).toBe(code);
    await vi.waitFor(async () => expect(await redis.exists('lock-queue:endless')).toBe(0), 10_000);
    await redis.del('lock:endless');
  });
});

describe('when the server falls silent', () => {
  test('a signal ends the wait for it all the same', async () => {
    const silent = await startRedis();
    onTestFinished(() => silent.close());
    const own = silent.client();
    await own.set('lock:silent', 'somebody');
    const child = start(['lock', 'run', 'silent', '--wait', '10m', '--', 'echo', 'ran'], { url: silent.url });
    const done = finished(child);
    await vi.waitFor(async () => expect(await own.zcard('lock-queue:silent')).toBe(1), 10_000);
    silent.signal('SIGSTOP');
    const startedAt = performance.now();
    child.kill('SIGTERM');
    expect(await done).toEqual({ code: 143, stdout: '', stderr: '' });
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test('the end of the command is not held up, and what is not known is said', async () => {
    const silent = await startRedis();
    onTestFinished(() => silent.close());
    const command = ['sh', '-c', 'echo started; read line; exit 7'];
    const child = start(['lock', 'run', 'late', '--ttl', '10m', '--', ...command], { url: silent.url });
    const done = finished(child);
    await once(child.stdout ?? expect.fail('no output'), 'data');
    silent.signal('SIGSTOP');
    child.stdin?.end('enough\n');
    const ran = await done;
    expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining('did not confirm')]);
  });
});

describe('signals', () => {
  test('reach the command, which decides what they mean', async () => {
    const file = path.join(directory, 'signals');
    const child = start(['lock', 'run', 'signals', '--', ...reporter(file, 5)], at);
    const done = finished(child);
    await pidIn(file);
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      child.kill(signal);
      await vi.waitFor(() => expect(lines(file)).toContain(signal.slice(3)), 10_000);
    }
    child.kill('SIGTERM');
    expect((await done).code).toBe(5);
    expect(lines(file).at(-1)).toBe('TERM');
    expect(await redis.exists('lock:signals')).toBe(0);
  });

  test('a terminal stop stops it too, and it goes on while the lock is still ours', async () => {
    const file = path.join(directory, 'stopped');
    const child = start(['lock', 'run', 'stopped', '--ttl', '20s', '--', ...reporter(file, 0)], at);
    const done = finished(child);
    const pid = await pidIn(file);
    child.kill('SIGTSTP');
    const state = (of: number) => /\) (\w)/.exec(readFileSync(`/proc/${of}/stat`, 'utf8'))?.[1];
    // The runner stops last, and a shell wakes a job only once all of it has stopped.
    await vi.waitFor(() => expect(state(child.pid ?? 0)).toBe('T'), 10_000);
    // In `D` it waits for what it was about to start, which is stopped.
    await vi.waitFor(() => expect(state(pid)).toMatch(/[TD]/), 10_000);
    child.kill('SIGCONT');
    await vi.waitFor(() => expect(state(pid)).not.toMatch(/[TD]/), 10_000);
    child.kill('SIGTERM');
    expect((await done).code).toBe(0);
  });
});

describe('when the lock is lost', () => {
  test('broken: the command gets SIGTERM, and the run tells why', async () => {
    const file = path.join(directory, 'broken');
    const child = start(['lock', 'run', 'broken', '--ttl', '1s', '--json', '--', ...reporter(file, 0)], at);
    const done = finished(child);
    await pidIn(file);
    expect((await run(['lock', 'break', 'broken', '--yes'], at)).code).toBe(0);
    const ran = await done;
    expect(ran.code).toBe(3);
    expect(errorOf(ran)).toMatchObject({ code: 'LOCK_LOST' });
    expect(lines(file).at(-1)).toBe('TERM');
  });

  test('in doubt: all of its group is gone before the TTL ends, even what ignores SIGTERM', async () => {
    const ttlMs = 6000;
    const frozen = await startRedis();
    const file = path.join(directory, 'frozen');
    const child = start(['lock', 'run', 'frozen', '--ttl', `${ttlMs}ms`, '--', ...reporter(file, 'never')], {
      url: frozen.url,
    });
    const done = finished(child);
    const pid = await pidIn(file);
    frozen.signal('SIGSTOP');
    const startedAt = performance.now();
    await gone(pid);
    expect(performance.now() - startedAt).toBeLessThan(ttlMs);
    expect(lines(file)).toContain('TERM');
    const ran = await done;
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('Lost the lock `frozen`')]);
    frozen.signal('SIGCONT');
    await frozen.close();
  });

  test('stopped past the TTL and continued: the command ends, and the next has it with a higher fence', async () => {
    const file = path.join(directory, 'past');
    const child = start(['lock', 'run', 'past', '--ttl', '600ms', '--', ...reporter(file, 0)], at);
    const done = finished(child);
    await pidIn(file);
    const fence = Number(await redis.get('lock-fence:past'));
    child.kill('SIGSTOP');
    const next = await run(['lock', 'acquire', 'past', '--wait', '5s', '--json'], at);
    expect((JSON.parse(next.stdout) as { fence: number }).fence).toBeGreaterThan(fence);
    child.kill('SIGCONT');
    expect((await done).code).toBe(3);
    expect(lines(file)).toContain('TERM');
  });

  test('killed outright: the command does not outlive it', async () => {
    const file = path.join(directory, 'outright');
    const child = start(['lock', 'run', 'outright', '--ttl', '4s', '--', ...reporter(file, 'never')], at);
    const closed = once(child, 'exit');
    const pid = await pidIn(file);
    child.kill('SIGKILL');
    await closed;
    await vi.waitFor(() => expect(lines(file)).toContain('TERM'), 10_000);
    await gone(pid);
    expect(await redis.pttl('lock:outright')).toBeGreaterThan(0);
  });
});

describe('bad input', () => {
  test.each([
    ['a TTL under 100 ms', ['x', '--ttl', '99ms'], 2, 'LOCK_TTL'],
    ['-n and --wait', ['x', '-n', '--wait', '1s'], 2, 'USAGE'],
    ['an exit code that is none', ['x', '-E', '256'], 2, 'USAGE'],
    ['foreign data', ['data'], 4, 'WRONG_TYPE'],
  ])('%s', async (_, words, code, name) => {
    await redis.rpush('lock:data', 'x');
    const ran = await run(['lock', 'run', ...words, '--json', '--', 'true'], at);
    expect(ran.code).toBe(code);
    expect(errorOf(ran)).toMatchObject({ code: name, hint: expect.any(String) });
  });
});
