import { beforeEach, expect, test } from 'vitest';
import { reportFailure } from '../../source/cli/failure.ts';
import { runHere } from '../helpers/batch.ts';
import { payloads, unsafeLines } from '../helpers/injections.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const url = server.url;
beforeEach(() => server.client().flushall());

/** Several payloads a name, as names may have 512 bytes; long ones are messages only. */
const names: readonly string[] = payloads
  .filter((payload) => Buffer.byteLength(payload) <= 100)
  .reduce<string[]>((groups, payload) => {
    const last = groups.at(-1);
    const joined = `${last}|${payload}`;
    if (last === undefined || Buffer.byteLength(joined) > 300) groups.push(`x${payload}`);
    else groups[groups.length - 1] = joined;
    return groups;
  }, []);
const messages = payloads.filter((payload) => Buffer.byteLength(payload) > 100);

const modes = {
  'a terminal': { isTerminal: true, flags: [] },
  'a pipe': { isTerminal: false, flags: [] },
  '--json': { isTerminal: false, flags: ['--json'] },
  '--debug': { isTerminal: true, flags: ['--debug'] },
} as const;

/** What could steer a terminal, hide or reorder, or stand at the beginning of a line that nobody wrote. */
function wrong(printed: string): readonly string[] {
  return unsafeLines(printed.length > 1_000_000 ? printed.slice(0, 1_000_000) : printed);
}

/** Everything that is named by a stranger, or repeats what somebody typed. */
const commandsOn = (name: string): readonly (readonly string[])[] => [
  ['chat', 'create', name, '--members', `me,${name.replaceAll(',', '')}`],
  ['chat', 'join', name, '--as', `${name}2`],
  ['chat', 'send', name, '--as', 'me', '--', name],
  ['chat', 'read', name, '--as', `${name}2`],
  ['chat', 'list'],
  ['chat', 'leave', name, '--as', `${name}2`],
  ['chat', 'read', `${name}!`, '--as', 'me'],
  ['topic', 'publish', name, '--', name],
  ['topic', 'subscribe', name, '--as', name, '--until-caught-up'],
  ['topic', 'status'],
  ['topic', 'status', `${name}!`],
  ['topic', 'drop', name, name, '--yes'],
  ['lock', 'acquire', name, '--ttl', '1h', '--label', name],
  ['lock', 'acquire', name],
  ['lock', 'list'],
  ['lock', 'release', name, '--', name],
  ['lock', 'break', name, '--yes'],
  ['limit', 'hit', name, '--max', '1', '--per', '1h'],
  ['limit', 'hit', name, '--max', '1', '--per', '1h'],
  ['limit', 'list'],
  ['limit', 'reset', name],
  ['hits', 'add', name],
  ['hits', 'sum', name],
  ['hits', 'list'],
  ['log', 'write', name, '--', name],
  ['log', 'recent', name],
  ['log', 'common', name],
  ['log', 'list'],
  ['buffer', 'incr', name, name],
  ['buffer', 'pending'],
  ['buffer', 'flush', name, '--to', name],
  ['ship', 'status', name],
  ['ship', 'forget', name, name],
  ['sync', 'forget', `/tmp/${name}`, name, '--yes'],
  ['shards', 'route', '--', name],
  ['snapshot'],
  ['doctor'],
  ['config', '--operator', name],
  [name],
  ['chat', name],
  ['chat', 'list', name],
  ['chat', 'list', `--${name}`],
  ['snapshot', '--pane', name],
  ['snapshot', '--fail-if', name],
  ['chat', 'list', '--router', name],
  ['chat', 'share', name, name, '--frame', '{}'],
  ['chat', 'tail', `${name}!`],
  ['topic', 'aside', name, name],
  ['topic', 'retry', name, name],
  ['topic', 'discard', name, name, '--yes'],
  ['buffer', 'aside', name],
  ['buffer', 'retry', name],
  ['buffer', 'drop', name, '--yes'],
  ['ship', 'aside', name],
  ['sync', 'status'],
  ['sync', 'status', `/tmp/${name}`],
  ['sync', 'notify', `/tmp/${name}`],
  ['sync', 'resume', `/tmp/${name}`, name, '--yes'],
  ['needs'],
  ['needs', '--pane', name],
  ['ack', name, '--note', name],
  ['ack', `lock.noTtl ${name}`, '--note', name.slice(0, 300)],
  ['unack', name],
  ['metrics'],
  ['acl', name],
  ['acl', 'locker', name, '--as', name],
  ['completion', name],
  ['snapshot', '--format', 'json'],
  ['snapshot', '--format', 'svg'],
  ['snapshot', '--format', 'ansi'],
  ['snapshot', '--save', `/proc/nowhere/${name}`],
  ['config', '--theme', name],
  ['config', '--config', `/nonexistent/${name}`],
  ['chat', 'list', '--password-file', `/nonexistent/${name}`],
];

/** What is in Redis that no command of ours writes there. */
async function plant(name: string): Promise<void> {
  const redis = server.client();
  // A lock without an end needs somebody, and somebody is on it.
  await redis.set(`lock:${name}`, name);
  await redis.zadd('quarterdeck:lock', Date.now(), name);
  const ack = { by: name, note: name, atMs: Date.now(), untilMs: Date.now() + 3_600_000, severity: 'warn' };
  await redis.hset('quarterdeck:acks', `lock.noTtl ${name}`, JSON.stringify(ack), name, JSON.stringify(ack));
  const failure = { message: name, at: Date.now() };
  await redis.hset(
    'pending:odd:status',
    'target',
    JSON.stringify({ to: name }),
    'failure',
    JSON.stringify(failure),
  );
  await redis.set('pending:odd:batch', name);
  await redis.zadd('pending:odd', 1, name);
  await redis.zadd('quarterdeck:buffer', Date.now(), 'odd');
}

test('there are enough of them', () => {
  expect(new Set(payloads).size).toBeGreaterThanOrEqual(200);
  expect(names.join('').length).toBeGreaterThan(1000);
});

test.each(Object.entries(modes))(
  'names that strangers chose, and words that somebody typed, are harmless on %s',
  async (_, { isTerminal, flags }) => {
    const isJson = flags.some((flag) => flag === '--json');
    for (const name of names) {
      await server.client().flushall();
      await plant(name);
      for (const words of commandsOn(name)) {
        const end = words.indexOf('--');
        const at = end === -1 ? words.length : end;
        const all = [...words.slice(0, at), ...flags, '--url', url, ...words.slice(at)];
        const { code, stdout, stderr } = await runHere(all, { isTerminal });
        expect(code, JSON.stringify({ words, stderr })).not.toBe(70);
        const found = [...wrong(stdout), ...wrong(stderr)];
        expect(found, JSON.stringify({ words, found })).toEqual([]);
        if (isJson) for (const line of stdout.split('\n').filter(Boolean)) JSON.parse(line);
      }
    }
  },
  300_000,
);

test.each(Object.entries(modes))(
  'long messages are harmless on %s',
  async (_, { isTerminal, flags }) => {
    for (const message of messages) {
      for (const words of [
        ['log', 'write', 'long', '--', message],
        ['log', 'recent', 'long'],
        ['log', 'common', 'long'],
        ['topic', 'publish', 'long', '--', message],
        ['topic', 'subscribe', 'long', '--as', 'me', '--until-caught-up'],
        ['snapshot'],
      ]) {
        const end = words.indexOf('--');
        const at = end === -1 ? words.length : end;
        const all = [...words.slice(0, at), ...flags, '--url', url, ...words.slice(at)];
        const { stdout, stderr } = await runHere(all, { isTerminal });
        expect([...wrong(stdout), ...wrong(stderr)], words.join(' ').slice(0, 80)).toEqual([]);
      }
    }
  },
  300_000,
);

test('a failure says each payload in one harmless line, its stack and its cause too', () => {
  for (const payload of payloads) {
    for (const json of [false, true]) {
      const error = new Error(`before ${payload} after`, { cause: new Error(`cause ${payload}`) });
      let written = '';
      const stderr = { write: (text: string) => (written += text) };
      reportFailure(error, { stderr: stderr as never, json, debug: true });
      expect(wrong(written), JSON.stringify(payload)).toEqual([]);
      const lines = written.trimEnd().split('\n');
      if (json) expect(lines).toHaveLength(1);
      else for (const line of lines) expect(line).toMatch(/^(quarterdeck: |Error: |caused by$| +at )/);
    }
  }
});
