import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { buffer, ship, sync } from '../../source/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// buffer, ship and sync as a program imports them.

const server = await redisForThisFile();
const redis = server.client({ maxRetriesPerRequest: null });
const work = mkdtempSync(path.join(tmpdir(), 'quarterdeck-moving-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

test('buffer: counted, listed, flushed once, and by a daemon', async () => {
  const file = path.join(work, 'app.db');
  const db = new DatabaseSync(file);
  db.exec('CREATE TABLE page (id TEXT PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)');
  {
    await using views = buffer.open(redis, { flushMs: 1000 });
    views.add('page', '/home', 2);
  }
  expect(await buffer.increment(redis, 'page', [['/about', 1]])).toBe(1);
  expect(await buffer.list(redis)).toMatchObject([{ name: 'page', ids: 2, total: 3, inflight: 0 }]);
  const options = { to: `sqlite:${file}`, table: 'page' };
  {
    await using target = await buffer.openTarget(options);
    expect(await buffer.flush(redis, 'page', target)).toMatchObject({ type: 'flushed', rows: 2, total: 3 });
  }

  const controller = new AbortController();
  await buffer.increment(redis, 'page', [['/home', 5]]);
  await buffer.run(redis, 'page', options, {
    everyMs: 50,
    signal: controller.signal,
    onEvent: (event) => event.type === 'flushed' && event.total === 5 && controller.abort(),
  });
  expect(db.prepare('SELECT count FROM page WHERE id = ?').get('/home')).toEqual({ count: 7 });
  expect(await buffer.status(redis, 'page')).toMatchObject({ ids: 0, total: 0 });
  expect(await buffer.status(redis, 'nosuch')).toBeUndefined();
});

test('buffer: a target of the caller is written to by a daemon, and stays open', async () => {
  await buffer.increment(redis, 'score', [['ada', 2]]);
  const written = new Map<string, number>();
  let closed = 0;
  const target: buffer.Target = {
    label: 'memory',
    to: 'memory',
    identity: 'memory of this test',
    async apply({ rows }) {
      for (const { id, count } of rows) written.set(id, (written.get(id) ?? 0) + count);
      return 'applied';
    },
    async close() {
      closed += 1;
    },
  };
  const controller = new AbortController();
  await buffer.run(redis, 'score', target, {
    everyMs: 50,
    signal: controller.signal,
    onEvent: (event) => event.type === 'flushed' && controller.abort(),
  });
  expect([...written]).toEqual([['ada', 2]]);
  expect(closed).toBe(0);
});

test('ship: a file through Redis, rebuilt and read by line', async () => {
  const source = path.join(work, 'logs');
  const copy = path.join(work, 'copy');
  mkdirSync(source);
  mkdirSync(copy);
  writeFileSync(path.join(source, 'web.log'), 'a line\n'.repeat(1000));
  const events: string[] = [];
  const running = ship.run(redis, 'logs:', [source], {
    consumers: 2,
    budgetBytes: 1024 * 1024,
    partBytes: 64 * 1024,
    onEvent: ({ type }) => events.push(type),
  });
  const rebuild = async (): Promise<void> => {
    await using out = ship.openDirectory(copy);
    for await (const part of ship.consume(redis, 'logs:', { as: '0' })) await out.write(part);
  };
  const count = async (): Promise<number> => {
    let lines = 0;
    for await (const part of ship.consume(redis, 'logs:', { as: '1' }))
      for await (const batch of part.lines()) lines += batch.length;
    return lines;
  };
  const [shipped, , lines] = await Promise.all([running, rebuild(), count()]);
  expect(shipped).toMatchObject({ files: 1, bytes: 7000, failed: [] });
  expect(lines).toBe(1000);
  expect(readFileSync(path.join(copy, 'web.log'), 'utf8')).toBe('a line\n'.repeat(1000));
  expect(await ship.status(redis, 'logs:')).toMatchObject({
    channel: 'logs:',
    state: 'done',
    consumers: [{}, {}],
  });
  expect(await ship.list(redis)).toHaveLength(1);
  expect(await ship.status(redis, 'nosuch:')).toBeUndefined();
});

test('sync: what was notified is copied, reported, listed and forgotten', async () => {
  const base = path.join(work, 'base');
  const target = path.join(work, 'target');
  mkdirSync(base);
  mkdirSync(target);
  writeFileSync(path.join(base, 'a.txt'), 'one');
  const controller = new AbortController();
  const types: string[] = [];
  await sync.run(redis, base, target, {
    everyMs: 50,
    signal: controller.signal,
    onEvent(event) {
      types.push(event.type);
      if (event.type === 'full' && types.length === 1) {
        writeFileSync(path.join(base, 'b.txt'), 'two');
        void sync.notify(redis, ['b.txt'], { base });
      }
      if (event.type === 'batch') controller.abort();
    },
  });
  expect(types).toEqual(['full', 'batch']);
  expect(readFileSync(path.join(target, 'b.txt'), 'utf8')).toBe('two');
  expect(await sync.list(redis)).toMatchObject([{ channel: 'new_files', base, target, queued: 0 }]);
  expect(await sync.remove(redis, { base, target })).toBe(true);
  expect(await sync.remove(redis, { base, target })).toBe(false);
});

test('sync: a function sees each batch, and a target that halted is reported and resumed', async () => {
  const base = path.join(work, 'site');
  const target = path.join(work, 'mirror');
  mkdirSync(base);
  mkdirSync(target);
  for (const name of ['a', 'b', 'c']) writeFileSync(path.join(base, name), name);
  const controller = new AbortController();
  const seen: string[][] = [];
  const refusals: string[] = [];
  let halted: sync.Halted | undefined;
  const running = sync.run(redis, base, target, {
    everyMs: 50,
    fullEveryMs: 200,
    deletes: true,
    maxDelete: { files: 1 },
    signal: controller.signal,
    before(paths, { base: folder }) {
      expect(folder).toBe(base);
      seen.push([...paths]);
      if (seen.length === 1) throw new Error('no room for thumbnails');
    },
    onEvent(event) {
      if (event.type === 'warning') refusals.push(event.error.message);
      if (event.type === 'halted') halted = event.halted;
      if (event.type === 'resumed') expect(event).toMatchObject({ deletes: 2, isAdopted: false });
    },
  });
  await expect.poll(() => readdirSync(target)).toHaveLength(3);
  writeFileSync(path.join(base, 'd'), 'd');
  await sync.notify(redis, ['d'], { base });
  await expect.poll(() => seen.at(-1)).toEqual(['d']);
  await expect.poll(() => refusals.join('\n')).toContain('The function `before` refused the batch: no room');
  rmSync(path.join(base, 'a'));
  rmSync(path.join(base, 'b'));
  await expect
    .poll(() => halted)
    .toMatchObject({ reason: 'too-many-deletions', wouldDelete: 2, mayDelete: 1 });
  expect(await sync.status(redis, { base, target })).toMatchObject({
    condition: 'halted',
    halted: { wouldDelete: 2 },
  });
  expect(await sync.status(redis, 'new_files')).toMatchObject([{ base, target, condition: 'halted' }]);
  expect(await sync.status(redis, 'nosuch')).toEqual([]);
  await expect(sync.resume(redis, { base, target }, { deletes: 1 })).rejects.toMatchObject({
    code: 'SYNC_RESUME',
  });
  await sync.resume(redis, { base, target }, { deletes: 2 });
  await expect.poll(() => readdirSync(target).toSorted()).toEqual(['c', 'd']);
  controller.abort();
  await running;
  expect(await sync.status(redis, { base, target: `${target}2` })).toBeUndefined();
});
