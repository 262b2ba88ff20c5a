import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { foreignSequences, payloads } from '../helpers/injections.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
const url = server.url;
const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-metrics-'));
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => redis.flushall());

/** Reads the format as Prometheus does; throws where it would. */
function parsed(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const [, kind, named = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      expect(types.has(named), line).toBe(false);
      types.set(named, rest);
    }
    if (kind !== undefined) continue;
    const found = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*\})? (\S+)$/.exec(line);
    if (!found) throw new Error(`Not the format: ${line}`);
    const [, name = '', labels = '', value] = found;
    expect(types.get(name), line).toMatch(/^(gauge|counter)$/);
    expect(types.get(name) === 'counter').toBe(name.endsWith('_total'));
    expect(series.has(name + labels), `twice: ${line}`).toBe(false);
    expect(Number.isFinite(Number(value)), line).toBe(true);
    series.set(name + labels, Number(value));
  }
  return series;
}

async function seed(): Promise<void> {
  for (const words of [
    ['chat', 'create', 'ops', '--members', 'ann,bob'],
    ['chat', 'send', 'ops', 'hello', '--as', 'ann'],
    ['topic', 'publish', 'news', 'one', 'two', 'three'],
    ['topic', 'subscribe', 'news', '--as', 'billing', '--count', '1'],
    ['lock', 'acquire', 'deploy', '--ttl', '1h'],
    ['limit', 'hit', 'key', '--max', '1', '--per', '1h'],
    ['limit', 'hit', 'key', '--max', '1', '--per', '1h'],
    ['hits', 'add', 'web', '7'],
    ['buffer', 'incr', 'views', '42', '5'],
    ['log', 'write', 'web', 'started'],
  ]) {
    expect((await run(words, { url })).code).toBeLessThan(2);
  }
}

test('printed once, in the format, with what there is', async () => {
  await seed();
  const { code, stdout, stderr } = await run(['metrics', '--limit-subjects', '5'], { url });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const series = parsed(stdout);
  expect(Object.fromEntries(series)).toMatchObject({
    'quarterdeck_up{module="server"}': 1,
    'quarterdeck_up{module="lock"}': 1,
    'quarterdeck_lock_held{lock="deploy"}': 1,
    'quarterdeck_topic_messages_published_total{topic="news"}': 3,
    'quarterdeck_topic_subscriber_lag_messages{topic="news",subscriber="billing"}': 2,
    'quarterdeck_topic_subscriber_acknowledged_total{topic="news",subscriber="billing"}': 1,
    'quarterdeck_chat_member_unread_messages{room="ops",member="bob"}': 1,
    'quarterdeck_hits_today{series="web"}': 7,
    'quarterdeck_buffer_pending_increments{type="views"}': 5,
    'quarterdeck_log_lines{log="web",severity="info"}': 1,
    quarterdeck_limit_subjects: 1,
    'quarterdeck_limit_denied_total{subject="key",algorithm="fixed"}': 1,
    'quarterdeck_server_up{shard="0"}': 1,
  });
  expect(series.get('quarterdeck_lock_lease_remaining_seconds{lock="deploy"}')).toBeGreaterThan(3500);
  const states = [...series].filter(([name]) => name.includes('subscriber_state{'));
  expect(states.filter(([, value]) => value === 1)).toHaveLength(1);
  const [build] = [...series.keys()].filter((name) => name.startsWith('quarterdeck_build_info'));
  expect(build).toMatch(/version="\d+\.\d+\.\d+",server="redis",server_version="\d/);
  // A subject is a user's name: not by itself.
  expect((await run(['metrics'], { url })).stdout).not.toContain('subject=');
});

test('hostile names stay one series each, in one harmless line', async () => {
  for (const [index, payload] of payloads.filter((name) => Buffer.byteLength(name) < 400).entries()) {
    const name = `x${payload.toWellFormed()}`;
    await redis.set(`lock:${name}`, `qd1:nonce:${index}:7:host:job`, 'PX', 600_000);
    await redis.zadd('quarterdeck:lock', Date.now(), name);
  }
  const { stdout } = await run(['metrics'], { url });
  const held = [...parsed(stdout).keys()].filter((name) => name.startsWith('quarterdeck_lock_held{'));
  expect(held.length).toBeGreaterThan(200);
  expect(stdout.split('\n').flatMap(foreignSequences)).toEqual([]);
});

test('a name that imitates the escape of another stays a series of its own; a very long one is cut', async () => {
  const long = `lock-${'x'.repeat(590)}`;
  const names = ['\u001B', '\\u{1b}', '\\\\u{1b}', `${long}a`, `${long}b`];
  for (const [index, name] of names.entries()) {
    await redis.set(`lock:${name}`, `qd1:nonce:${index}:7:host:job`, 'PX', 600_000);
    await redis.zadd('quarterdeck:lock', Date.now(), name);
  }
  const { stdout } = await run(['metrics'], { url });
  const held = [...parsed(stdout).keys()].filter((name) => name.startsWith('quarterdeck_lock_held{'));
  expect(held).toHaveLength(names.length);
  expect(Math.max(...held.map(({ length }) => length))).toBeLessThan(700);
});

test('of very many the worst are given, and how many are missing', async () => {
  const names = Array.from({ length: 700 }, (_, index) => `lock-${index}`);
  await redis.mset(names.flatMap((name, index) => [`lock:${name}`, `qd1:nonce:${index + 1}:7:host:job`]));
  await redis.zadd('quarterdeck:lock', ...names.flatMap((name) => [Date.now(), name]));
  const series = parsed((await run(['metrics'], { url })).stdout);
  expect(series.get('quarterdeck_series_dropped{module="lock"}')).toBe(200);
  const few = parsed((await run(['metrics', '--max-series', '100'], { url })).stdout);
  expect(few.get('quarterdeck_series_dropped{module="lock"}')).toBeGreaterThan(1000);
});

test('a part that cannot be read is down, and hides no other', async () => {
  await seed();
  await redis.del('quarterdeck:topic');
  await redis.set('quarterdeck:topic', 'x');
  const series = parsed((await run(['metrics'], { url })).stdout);
  expect(series.get('quarterdeck_up{module="topic"}')).toBe(0);
  expect(series.get('quarterdeck_up{module="lock"}')).toBe(1);
  expect(series.get('quarterdeck_hits_today{series="web"}')).toBe(7);
});

test('served until stopped, through an outage, asking Redis once an interval', async () => {
  const own = await startRedis();
  const words = ['metrics', '--listen', '127.0.0.1:0', '--every', '200ms', '--json', '--timeout', '1s'];
  const child = start(words, { url: own.url });
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  const { listening } = JSON.parse((await lines.next()).value ?? '') as { listening: string };
  const base = listening.replace(/\/metrics$/, '');
  const status = async (at: string): Promise<number> => (await fetch(base + at)).status;
  await vi.waitFor(async () => expect(await status('/readyz')).toBe(200));
  const response = await fetch(listening);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(parsed(await response.text()).get('quarterdeck_up{module="server"}')).toBe(1);
  expect(await status('/healthz')).toBe(200);
  expect(await status('/nothing')).toBe(404);
  expect((await fetch(listening, { method: 'POST' })).status).toBe(405);

  await own.stop();
  await vi.waitFor(async () => expect(await status('/readyz')).toBe(503));
  await vi.waitFor(async () => {
    expect(parsed(await (await fetch(listening)).text()).get('quarterdeck_up{module="server"}')).toBe(0);
  });
  expect(await status('/healthz')).toBe(200);
  await own.start();
  await vi.waitFor(async () => expect(await status('/readyz')).toBe(200));
  // One that hangs answers nothing either.
  own.signal('SIGSTOP');
  await vi.waitFor(async () => expect(await status('/readyz')).toBe(503));
  own.signal('SIGCONT');
  await vi.waitFor(async () => expect(await status('/readyz')).toBe(200));
  const ending = finished(child);
  child.kill('SIGTERM');
  expect((await ending).code).toBe(143);
  await own.close();
});

test('it serves before Redis is there, and an address that is taken is a usage failure', async () => {
  const child = start(['metrics', '--listen', '127.0.0.1:0', '--every', '200ms', '--json'], {
    url: 'redis://127.0.0.1:1',
  });
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  const { listening } = JSON.parse((await lines.next()).value ?? '') as { listening: string };
  await vi.waitFor(async () => {
    expect(parsed(await (await fetch(listening)).text()).get('quarterdeck_up{module="server"}')).toBe(0);
  });
  const { host } = new URL(listening);
  const second = await run(['metrics', '--listen', host, '--json'], { url });
  expect(second.code).toBe(2);
  expect(errorOf(second).code).toBe('CANNOT_LISTEN');
  const ending = finished(child);
  child.kill('SIGTERM');
  expect((await ending).code).toBe(143);
});

test('a textfile is there whole or not at all, for others to read', async () => {
  const file = path.join(directory, 'quarterdeck.prom');
  expect((await run(['metrics', '--textfile', file], { url })).code).toBe(0);
  expect(parsed(readFileSync(file, 'utf8')).get('quarterdeck_up{module="server"}')).toBe(1);
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory)).toEqual(['quarterdeck.prom']);
  const failed = await run(['metrics', '--textfile', path.join(directory, 'no', 'x.prom'), '--json'], {
    url,
  });
  expect(failed.code).toBe(4);
  expect(errorOf(failed).code).toBe('TEXTFILE_FAILED');
});

test.each([
  [['--listen', '9121']],
  [['--listen', 'host:99999']],
  [['--listen', ':9121', '--textfile', 'x']],
  [['--every', '1s']],
])('%j is a usage failure', async (words) => {
  expect((await run(['metrics', ...words], { url })).code).toBe(2);
});
