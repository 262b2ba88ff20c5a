import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  buffer,
  chat,
  hits,
  type Redis as LibraryClient,
  limit,
  lock,
  log,
  shards,
  ship,
  sync,
  topic,
} from '../../source/index.ts';

/** What a program does with one module: a name of its own, and a folder that is there. */
export type Act = {
  act(redis: LibraryClient, name: string, folder: string): Promise<unknown>;
  /** What it comes to. */
  readonly gives: unknown;
  /** The roles of `quarterdeck acl` that are enough for it. */
  readonly roles: readonly string[];
  /** Where it is refused whatever the client. */
  readonly refusedOn?: string;
};

/** One act of each module, with what it waits for: whatever a module listens on has to arrive with every client. */
export const acts: Readonly<Record<string, Act>> = {
  lock: {
    roles: ['locker'],
    async act(redis, name) {
      const held = await lock.acquire(redis, name, { ttlMs: 60_000 });
      const second = await lock.acquire(redis, name);
      await held?.extend();
      const isOurs = (await lock.status(redis, name)).token === held?.token;
      const next = lock.acquire(redis, name, { ttlMs: 60_000, timeoutMs: 60_000 });
      while ((await lock.status(redis, name)).waiting === 0) await turn();
      await held?.close();
      const after = await next;
      await after?.close();
      return [second, isOurs, (after?.fence ?? 0) > (held?.fence ?? Number.POSITIVE_INFINITY)];
    },
    gives: [undefined, true, true],
  },
  limit: {
    roles: ['limiter'],
    async act(redis, name) {
      await using limiter = limit.open(redis, { max: 2, perMs: 60_000 });
      return [await limiter.hit(name), await limiter.hit(name), await limiter.hit(name)].map(
        (hit) => hit.allowed,
      );
    },
    gives: [true, true, false],
  },
  hits: {
    roles: ['counter'],
    async act(redis, name) {
      {
        await using counter = hits.open(redis);
        counter.add(name, 3);
      }
      return (await hits.sum(redis, name, { sinceMs: 60_000 })).sum;
    },
    gives: 3,
  },
  log: {
    roles: ['logger'],
    async act(redis, name) {
      {
        await using writer = log.open(redis, name);
        writer.write('a line');
      }
      return (await log.recent(redis, name)).map(({ message }) => message);
    },
    gives: ['a line'],
  },
  chat: {
    roles: ['chat'],
    async act(redis, room) {
      await chat.create(redis, { room, members: ['ann', 'bob'] });
      await chat.send(redis, room, 'hello', { as: 'ann' });
      const read: string[] = [];
      for await (const { text } of chat.consume(redis, room, { as: 'bob' })) {
        read.push(text);
        if (read.length === 2) break;
        await chat.send(redis, room, 'again', { as: 'ann' });
      }
      return read;
    },
    gives: ['hello', 'again'],
  },
  topic: {
    roles: ['publisher', 'subscriber'],
    async act(redis, name) {
      await topic.publish(redis, name, ['a', 'b']);
      const read: unknown[] = [];
      for await (const item of topic.consume(redis, name, { as: 'one', from: 'start' })) {
        read.push(item.type === 'message' ? item.text : item);
        if (read.length === 3) break;
        if (read.length === 2) await topic.publish(redis, name, 'c');
      }
      return read;
    },
    gives: ['a', 'b', 'c'],
  },
  buffer: {
    roles: ['producer', 'flusher'],
    async act(redis, name) {
      await buffer.increment(redis, name, [['7', 3]]);
      const written: unknown[] = [];
      await buffer.flush(redis, name, {
        label: 'memory',
        to: 'memory',
        identity: `memory of ${name}`,
        async apply({ rows }) {
          for (const { id, count } of rows) written.push(id, count);
          return 'applied';
        },
        async close() {},
      });
      return written;
    },
    gives: ['7', 3],
  },
  ship: {
    roles: ['shipper', 'consumer'],
    async act(redis, name, folder) {
      const file = path.join(folder, 'web.log');
      writeFileSync(file, 'a line\n'.repeat(1000));
      const consume = async (): Promise<number> => {
        let lines = 0;
        for await (const part of ship.consume(redis, `${name}:`, { as: '0' }))
          for await (const batch of part.lines()) lines += batch.length;
        return lines;
      };
      const terms = { consumers: 1, budgetBytes: 1024 * 1024 };
      const [{ files, failed }, lines] = await Promise.all([
        ship.run(redis, `${name}:`, [file], terms),
        consume(),
      ]);
      return { files, failed, lines, state: (await ship.status(redis, `${name}:`))?.state };
    },
    gives: { files: 1, failed: [], lines: 1000, state: 'done' },
  },
  sync: {
    roles: ['syncer'],
    async act(redis, channel, folder) {
      const [base, target] = [path.join(folder, 'base'), path.join(folder, 'target')];
      mkdirSync(base);
      writeFileSync(path.join(base, 'a'), 'one');
      const controller = new AbortController();
      const types: string[] = [];
      await sync.run(redis, base, target, {
        channel,
        everyMs: 20,
        signal: controller.signal,
        onEvent({ type }) {
          // A client that hears no channels is warned of.
          if (type !== 'warning') types.push(type);
          if (type === 'full') {
            writeFileSync(path.join(base, 'b'), 'two');
            void sync.notify(redis, ['b'], { channel, base });
          }
          if (type === 'batch') controller.abort();
        },
      });
      return [...types, readFileSync(path.join(target, 'b'), 'utf8')];
    },
    gives: ['full', 'batch', 'two'],
  },
  shards: {
    roles: ['counter'],
    refusedOn: 'Cluster',
    async act(redis, name) {
      await using ring = await shards.open([redis]);
      {
        await using counter = hits.open(ring.clientOf(name));
        counter.add(name, 1);
      }
      return [ring.indexOf(name), (await shards.list(ring)).map(({ state }) => state)];
    },
    gives: [0, ['up']],
  },
};

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
