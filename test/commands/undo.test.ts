import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { unackCommand } from '../../source/commands/needs/needs-command.ts';
import { type AnyCommand, parseInput } from '../../source/commands/run-command.ts';
import { readConfig } from '../../source/config.ts';
import type { CommandContext, Outcome } from '../../source/features/feature.ts';
import { loadFeature } from '../../source/features/index.ts';
import { openConnections } from '../../source/redis/connection/open-connections.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// What an act leaves behind to be taken back with: done, taken back, and what Redis holds is as it was.

const server = await redisForThisFile();
const redis = server.client();
const { url } = server;
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-undo-'));
const config = readConfig({}, { HOME: '/nowhere', USER: 'ada', QUARTERDECK_URL: url });
const connections = await openConnections(config);
afterAll(() => {
  for (const connection of connections) connection.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => redis.flushall());

const context: CommandContext = {
  redis: connections[0].ask,
  connections,
  config,
  listen: () => connections[0].listen(),
  signal: new AbortController().signal,
  commandLine: [],
  async *stdin() {},
  async emit() {},
  async write() {},
  progress() {},
  warn() {},
  unconfirmed() {},
  printFrame: async () => [],
};

async function run(name: string, words: readonly string[]): Promise<Outcome> {
  const [noun = '', verb = ''] = name.split(' ');
  const feature = await loadFeature(noun);
  const command = verb === '' ? unackCommand : feature?.commands.find((one) => one.verb === verb);
  if (!command) throw new Error(`There is no ${name}`);
  const input = parseInput(name, command as AnyCommand, { words, flags: {}, commandLine: [] });
  return await (command as AnyCommand).run(context, input);
}
const json = async (...words: string[]): Promise<unknown> => {
  const { stdout, stderr } = await runHere([...words, '--json'], { url });
  return stdout === '' ? stderr : JSON.parse(stdout.split('\n')[0] ?? '');
};

test('topic discard: the messages are set aside again, and are gone once the subscriber is', async () => {
  await runHere(['topic', 'publish', 'news', 'hello'], { url });
  const failing = ['--until-caught-up', '--exec', 'false', '--retries', '0', '--aside', '5'];
  await runHere(['topic', 'subscribe', 'news', '--as', 'mail', ...failing], { url });
  const before = await json('topic', 'aside');
  expect(before).toMatchObject([{ topic: 'news', name: 'mail', message: 'hello' }]);
  const [{ id = '' } = {}] = before as { id?: string }[];
  const { undo } = await run('topic discard', ['news', 'mail', String(id)]);
  expect(await json('topic', 'aside')).toEqual([]);
  expect(undo?.effect).toBe('1 message is set aside again for mail, from now on');
  expect(await undo?.run(context)).toBe('1 message of mail set aside again');
  expect(await json('topic', 'aside')).toMatchObject([{ topic: 'news', name: 'mail', id, message: 'hello' }]);

  const again = await run('topic discard', ['news', 'mail', String(id)]);
  await runHere(['topic', 'drop', 'news', 'mail', '--yes'], { url });
  await expect(again.undo?.run(context)).rejects.toMatchObject({ kind: 'data' });
  expect(await json('topic', 'aside')).toEqual([]);
});

test('buffer drop: the counts wait again, beside what was counted since, and the next flush tries them', async () => {
  const file = path.join(folder, 'app.db');
  const database = new DatabaseSync(file);
  database.exec('CREATE TABLE project (id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)');
  database.exec('INSERT INTO project (id) VALUES (7)');
  database.close();
  await runHere(['buffer', 'incr', 'project', '7', '2'], { url });
  await runHere(['buffer', 'incr', 'project', 'undefined', '5'], { url });
  await runHere(['buffer', 'flush', 'project', '--to', `sqlite:${file}`], { url });
  expect(await json('buffer', 'aside')).toMatchObject([{ type: 'project', id: 'undefined', count: 5 }]);
  const { undo } = await run('buffer drop', ['project', 'undefined']);
  expect(await json('buffer', 'aside')).toEqual([]);
  await runHere(['buffer', 'incr', 'project', 'undefined', '1'], { url });
  expect(await undo?.run(context)).toBe('project: +5 of 1 id waits again');
  expect(await json('buffer', 'pending')).toMatchObject([{ type: 'project', ids: 1, total: 6 }]);
  await runHere(['buffer', 'flush', 'project', '--to', `sqlite:${file}`], { url });
  expect(await json('buffer', 'aside')).toMatchObject([{ type: 'project', id: 'undefined', count: 6 }]);
});

test.each([
  ['whoever was on it is on it again', false],
  ['another who has said so since stays', true],
])('unack: %s', async (_, isTaken) => {
  await redis.set('lock:stuck', 'somebody');
  await redis.zadd('quarterdeck:lock', Date.now(), 'stuck');
  const id = 'lock.noTtl stuck';
  const ack = ['ack', id, '--note', 'asks the owner', '--operator'];
  expect(await runHere([...ack, 'bob'], { url })).toMatchObject({ code: 0 });
  const before = await redis.hget('quarterdeck:acks', id);
  const { undo } = await run('unack', [id]);
  expect(await redis.hlen('quarterdeck:acks')).toBe(0);
  expect(undo?.effect).toMatch(/^bob is on it then, until \d\d:\d\d/);
  if (isTaken) {
    await runHere([...ack, 'eve'], { url });
    await expect(undo?.run(context)).rejects.toThrow('eve');
    expect(await redis.hget('quarterdeck:acks', id)).toContain('"eve"');
    return;
  }
  await undo?.run(context);
  expect(await redis.hget('quarterdeck:acks', id)).toBe(before);
});
