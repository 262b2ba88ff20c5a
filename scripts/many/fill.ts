import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import * as buffer from '../../source/features/buffer/library.ts';
import * as chat from '../../source/features/chat/library.ts';
import * as hits from '../../source/features/hits/library.ts';
import * as limit from '../../source/features/limit/library.ts';
import * as lock from '../../source/features/lock/library.ts';
import * as log from '../../source/features/log/library.ts';
import * as ship from '../../source/features/ship/library.ts';
import * as sync from '../../source/features/sync/library.ts';
import * as topic from '../../source/features/topic/library.ts';

/** How a server is filled with very many of one thing, of which the one used longest ago is in trouble. */
export type Filling = {
  /** Makes `count` things. */
  fill(redis: Redis, count: number): Promise<void>;
  /** Holds for the oldest alone, as `--fail-if` is written. */
  readonly condition: string;
  /** How its trouble is called in `quarterdeck needs --json`; undefined where the feature has no trouble of its own. */
  readonly need?: string;
};

/** One thing is made by its module; the others are copies of its keys under other names. */
const first = 'many:0';
export const nameOf = (index: number): string => `many:${index}`;
const hourMs = 3_600_000;
const atOnce = 500;

export const fillings: Readonly<Record<string, Filling>> = {
  lock: {
    async fill(redis, count) {
      await lock.acquire(redis, first, { ttlMs: 24 * hourMs });
      await copies(redis, 'lock', count);
      // Nobody gives it back, and somebody waits.
      await redis.persist(`lock:${first}`);
      await redis.zadd(`lock-queue:${first}`, 1, 'qd1:other:0:7:host:');
    },
    condition: 'lock.waiters.waitedMs > 0',
    need: 'lock.noTtl many:0',
  },
  limit: {
    async fill(redis, count) {
      await using limiter = limit.open(redis, { max: 2, perMs: hourMs });
      for (let hit = 0; hit < 3; hit += 1) await limiter.hit(first);
      await abreast(count, 1, (index) => limiter.hit(nameOf(index)));
      await limiter.close();
      await redis.zadd('quarterdeck:limit', 'XX', Date.now() - hourMs, `fixed:${hourMs}:${first}`);
    },
    condition: 'limit.denied > 0',
    need: 'limit.full many:0 in 1h',
  },
  topic: {
    async fill(redis, count) {
      await topic.publish(redis, first, 'x');
      await topic.subscribe(redis, first, { as: 'worker', from: 'start', untilCaughtUp: true }, () => {});
      await copies(redis, 'topic', count);
      // It had nothing to do when it was last seen an hour ago, and that has changed since.
      const longAgo = Date.now() - hourMs;
      await redis.zadd(`topic:subs:${first}`, 0, 'worker');
      await redis.del(`topic:msgs:${first}`);
      await redis.xadd(`topic:msgs:${first}`, `${longAgo}-1`, 'm', 'x');
      await redis.hset(`topic:seats:${first}`, 'worker', `- ${longAgo} 5000 ${longAgo} 0 host:1`);
    },
    condition: 'topic.condition == dead',
    need: 'topic.dead many:0/worker',
  },
  chat: {
    async fill(redis, count) {
      await chat.create(redis, { room: first, members: ['ann', 'bob'] });
      await copies(redis, 'chat', count);
      for (const member of ['ann', 'bob']) {
        await abreast(count, 1, (index) => redis.zadd(`seen:${member}`, 0, nameOf(index)));
      }
      await chat.send(redis, first, 'hello', { as: 'ann' });
      await redis.zadd('quarterdeck:chat', 'XX', 1, first);
    },
    condition: 'chat.unread > 0',
  },
  hits: {
    async fill(redis, count) {
      await using counter = hits.open(redis);
      counter.add(first, 1000);
      for (let index = 1; index < count; index += 1) counter.add(nameOf(index), 1);
      await counter.close();
      await redis.zadd('quarterdeck:hits', 'XX', 1, first);
    },
    condition: 'hits.today > 1',
  },
  log: {
    async fill(redis, count) {
      await writeLog(redis, first);
      await copies(redis, 'log', count, ':info');
      await writeLog(redis, first);
      await redis.zadd('quarterdeck:log', 'XX', 1, `${first}:info`);
    },
    condition: 'log.total > 1',
  },
  buffer: {
    async fill(redis, count) {
      await buffer.increment(redis, first, [['1', 1]]);
      await copies(redis, 'buffer', count);
      // Of an hour ago.
      await redis.set(`pending:${first}:oldest`, Date.now() - hourMs);
    },
    condition: 'buffer.condition == old',
    need: 'buffer.old many:0',
  },
  sync: {
    async fill(redis, count) {
      const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-many-'));
      writeFileSync(path.join(folder, 'a'), 'x');
      const controller = new AbortController();
      await sync.run(redis, folder, mkdtempSync(path.join(tmpdir(), 'quarterdeck-many-')), {
        channel: first,
        signal: controller.signal,
        onEvent: ({ type }) => type === 'full' && controller.abort(),
      });
      await copies(redis, 'sync', count);
      await copies(redis, 'topic', count);
      await redis.zadd(`topic:subs:${first}`, 0, `sync:${folder}>`);
      await sync.notify(redis, [path.join(folder, 'a')], { channel: first, base: folder });
      await redis.zadd('quarterdeck:sync', 'XX', 1, first);
      rmSync(folder, { recursive: true });
    },
    condition: 'sync.queued > 0',
    need: 'sync.down',
  },
  ship: {
    async fill(redis, count) {
      const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-many-'));
      const file = path.join(folder, 'a.log');
      writeFileSync(file, 'one\n');
      const running = ship.run(redis, first, [file], { consumers: 1, budgetBytes: 8 * 1024 * 1024 });
      while (!(await redis.exists(`ship:${first}`))) await new Promise(setImmediate);
      for await (const part of ship.consume(redis, first, { as: '0' })) for await (const _ of part.lines());
      await running;
      await copies(redis, 'ship', count);
      // Its consumer has gone, and a part waits for it.
      const controller = new AbortController();
      writeFileSync(file, 'one\ntwo\n');
      const again = ship.run(redis, first, [file], {
        consumers: 1,
        budgetBytes: 8 * 1024 * 1024,
        signal: controller.signal,
      });
      while ((await redis.hlen(`ship-parts:${first}`)) === 0) await new Promise(setImmediate);
      controller.abort();
      await again;
      const longAgo = Date.now() - hourMs;
      for (const [key, field] of [
        ['ship-who', 'at'],
        ['ship-parts', 'announced'],
      ]) {
        for (const [name, json] of Object.entries(await redis.hgetall(`${key}:${first}`))) {
          await redis.hset(
            `${key}:${first}`,
            name,
            JSON.stringify({ ...JSON.parse(json), [String(field)]: longAgo }),
          );
        }
      }
      await redis.zadd('quarterdeck:ship', 'XX', 1, first);
      rmSync(folder, { recursive: true });
    },
    condition: 'ship.state == stalled',
    need: 'ship.stalled many:0 consumer 0',
  },
};

async function writeLog(redis: Redis, name: string): Promise<void> {
  await using writer = log.open(redis, name);
  writer.write('disk full');
  await writer.close();
}

/** The same keys under `count - 1` other names, all registered; the first as the one used longest ago. */
async function copies(redis: Redis, family: string, count: number, suffix = ''): Promise<void> {
  const keys: string[] = [];
  for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
    const [next, page] = await redis.scan(cursor, 'MATCH', `*${first}*`, 'COUNT', 1000);
    cursor = next;
    keys.push(...page);
  }
  const originals = await Promise.all(
    [...new Set(keys)].map(async (key) => ({
      key,
      ttlMs: Math.max(0, await redis.pttl(key)),
      content: await redis.dumpBuffer(key),
    })),
  );
  await abreast(count, 1, async (index) => {
    const name = nameOf(index);
    await Promise.all([
      ...originals.map(({ key, ttlMs, content }) =>
        redis.restore(key.replace(first, name), ttlMs, content ?? '', 'REPLACE'),
      ),
      redis.zadd(`quarterdeck:${family}`, Date.now(), `${name}${suffix}`),
    ]);
  });
  await redis.zadd(`quarterdeck:${family}`, 1, `${first}${suffix}`);
}

/** Some hundreds at a time: a pipeline each. */
async function abreast(count: number, from: number, one: (index: number) => Promise<unknown>): Promise<void> {
  for (let start = from; start < count; start += atOnce) {
    const length = Math.min(atOnce, count - start);
    await Promise.all(Array.from({ length }, (_, offset) => one(start + offset)));
  }
}
