import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { create } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

// In each of the ten panes real trouble among rows that are well, and one key from wherever one is to that very row.

const server = await redisForThisFile();
const redis = server.client();
const away = await startRedis();
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-need-key-'));
afterEach(() => redis.flushall());
afterAll(async () => {
  await away.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = async (...words: string[]): Promise<void> => {
  const { code, stderr } = await runHere(words, { url: server.url });
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
};
/** Runs until it is stopped: what is left then is the trouble. */
const runFor = async (until: () => Promise<unknown>, ...words: string[]): Promise<void> => {
  const ending = new AbortController();
  const running = runHere(words, { url: server.url, ended: ending.signal });
  await vi.waitFor(until, { timeout: 20_000, interval: 50 });
  ending.abort();
  await running;
};

type Trouble = {
  readonly pane: RegExp;
  readonly make: () => Promise<void>;
  /** The chosen row. */
  readonly row: RegExp;
  readonly rules?: readonly object[];
  readonly urls?: readonly string[];
};

const troubles: Readonly<Record<string, Trouble>> = {
  chat: {
    pane: /┏━ 1 chat/,
    rules: [{ if: 'chat.sender == mallory', severity: 'bad' }],
    async make() {
      await create(redis, 'ops', ['ada', 'bob', 'mallory']);
      await send(redis, 'ops', 'bob', 'all is well');
      await send(redis, 'ops', 'mallory', 'rm -rf /');
      for (let index = 0; index < 60; index += 1) await send(redis, 'ops', 'bob', `well ${index}`);
    },
    // The chosen message stands last, above those that are newer.
    row: /mallory +rm -rf[^\n]*\n[^\n]*60 newer/,
  },
  ship: {
    pane: /┏━ 2 ship/,
    async make() {
      writeFileSync(path.join(folder, 'app.log'), 'line\n'.repeat(100));
      const words = ['ship', 'run', path.join(folder, 'app.log'), '--channel', 'logs:', '--consumers', '2'];
      const hasParts = async () => expect(await redis.hlen('ship-parts:logs:')).toBeGreaterThan(0);
      await runFor(hasParts, ...words);
    },
    row: /> .*(unseen|stalled|never).*(0|1)/i,
  },
  log: {
    pane: /┏━ 3 log/,
    rules: [{ if: 'log.now > 4', severity: 'bad' }],
    async make() {
      for (const text of ['one of its kind', 'another kind', 'third sort of thing'])
        await run('log', 'write', 'web', text);
      for (let index = 0; index < 6; index += 1) await run('log', 'write', 'web', 'disk is full');
    },
    row: /> .*disk is full/,
  },
  limit: {
    pane: /┏━ 4 limit/,
    async make() {
      for (let index = 0; index < 3; index += 1)
        await runHere(['limit', 'hit', 'key:7f3', '--max', '2', '--per', '1h'], { url: server.url });
      for (const subject of ['a', 'b', 'c']) await run('limit', 'hit', subject, '--max', '20', '--per', '1h');
    },
    row: /> .*key:7f3/,
  },
  hits: {
    pane: /┏━ 5 hits/,
    rules: [{ if: 'hits.today > 50', severity: 'warn' }],
    async make() {
      for (const name of ['a', 'b', 'm', 'z']) await run('hits', 'add', name, name === 'm' ? '99' : '3');
    },
    row: /> m /,
  },
  lock: {
    pane: /┏━ 6 lock/,
    async make() {
      for (const name of ['a', 'b', 'z']) await run('lock', 'acquire', name, '--ttl', '1h');
      await redis.set('lock:migrate', 'somebody');
      await redis.zadd('quarterdeck:lock', Date.now(), 'migrate');
    },
    row: /> no TTL +migrate/,
  },
  topic: {
    pane: /┏━ 7 topic/,
    async make() {
      await run('topic', 'publish', 'orders', 'bill this');
      // Its program fails for good: it stands before the message.
      const words = ['topic', 'subscribe', 'orders', '--as', 'audit', '--exec', 'false', '--retries', '1'];
      expect(await runHere(words, { url: server.url })).toMatchObject({ code: 5 });
      await redis.zadd('topic:subs:orders', 1, 'billing', 1, 'search');
    },
    row: /> .*orders +audit/,
  },
  buffer: {
    pane: /┏━ 8 buffer/,
    async make() {
      for (const type of ['a', 'views', 'z']) await run('buffer', 'incr', type, '1');
      await redis.del('pending:views');
      await redis.set('pending:views', 'not ours');
    },
    row: /> .*views/,
  },
  sync: {
    pane: /┏━ 9 sync/,
    async make() {
      const [from, to, other] = ['from', 'to', 'other'].map((name) => path.join(folder, name)) as [
        string,
        string,
        string,
      ];
      mkdirSync(from, { recursive: true });
      writeFileSync(path.join(from, 'a.txt'), 'a');
      const synced = (count: number) => async () =>
        expect(await redis.zcard('topic:subs:new_files')).toBe(count);
      await runFor(synced(1), 'sync', 'run', from, other);
      await runFor(synced(2), 'sync', 'run', from, to);
      await run('sync', 'notify', path.join(from, 'a.txt'), '--base', from);
    },
    row: /> .*(other|to)/,
  },
  shards: {
    pane: /┏━ 0 shards/,
    urls: [away.url],
    async make() {
      await away.stop();
    },
    row: /> DOWN/i,
  },
};

test.each(Object.entries(troubles))(
  '%s: e goes to its troubled row from another pane',
  async (noun, trouble) => {
    await trouble.make();
    const config = path.join(folder, `${noun}.json`);
    writeFileSync(config, JSON.stringify({ needs: trouble.rules ?? [] }));
    const urls = [server.url, ...(trouble.urls ?? [])].flatMap((url) => ['--url', url]);
    const args = [cli, '--config', config, ...urls, '--operator', 'ada', '--timeout', '5s'];
    const play = startPlay({ args, columns: 120, rows: 40 });
    try {
      await play.shows('● live');
      await play.shows(/! \d+ needs? you/);
      // From elsewhere: the pane is not in front yet.
      play.press(noun === 'hits' ? '4' : '5');
      await play.hides(trouble.pane);
      play.press('e');
      await play.shows(trouble.pane);
      await play.shows(trouble.row);
    } finally {
      await play.close();
    }
  },
);
