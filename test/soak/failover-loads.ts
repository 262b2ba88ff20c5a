import { setTimeout as wait } from 'node:timers/promises';
import calculateSlot from 'cluster-key-slot';
import { expect } from 'vitest';
import { IncrementBuffer } from '../../source/features/buffer/buffer.ts';
import { pendingOf } from '../../source/features/buffer/pending.ts';
import { create } from '../../source/features/chat/room/chat.ts';
import { history } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { Hits } from '../../source/features/hits/hits.ts';
import { sum } from '../../source/features/hits/read.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { common } from '../../source/features/log/log.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import type { Connection } from '../../source/redis/connection/connect.ts';

/** A name whose keys lie on the first primary of three: the one that dies. */
export function doomed(name: string): string {
  for (let salt = 0; ; salt += 1) {
    const tagged = `{${name}${salt}}`;
    if (isDoomed(tagged)) return tagged;
  }
}

export function isDoomed(key: string): boolean {
  return calculateSlot(key) < 5000;
}

/** One feature under load: an act that ends once Redis has acknowledged it, again and again. */
export type Load = {
  act(turn: number): Promise<unknown>;
  /** What is there of `acknowledged` acts; called once when all is over. */
  count(acknowledged: number): Promise<Outcome>;
};

export type Outcome = {
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** There more often than acknowledged; a call in doubt that errs on the side of counting. */
  readonly twice: number;
};

export type Served = { acknowledged: number; longestGapMs: number };

/** Acts until ended; counts what was acknowledged, and the longest time in which nothing was. */
export async function run({ act }: Load, ended: AbortSignal): Promise<Served> {
  const served: Served = { acknowledged: 0, longestGapMs: 0 };
  let lastMs = performance.now();
  while (!ended.aborted) {
    await act(served.acknowledged);
    const now = performance.now();
    served.longestGapMs = Math.max(served.longestGapMs, Math.round(now - lastMs));
    lastMs = now;
    served.acknowledged += 1;
    await wait(2);
  }
  return served;
}

const summed = (acknowledged: number, found: number): Outcome => ({
  lost: Math.max(0, acknowledged - found),
  twice: Math.max(0, found - acknowledged),
});
const listed = (acknowledged: number, found: readonly string[]): Outcome => {
  const there = new Set(found);
  const lost = Array.from({ length: acknowledged }, (_, turn) => String(turn)).filter(
    (turn) => !there.has(turn),
  );
  return { lost: lost.length, twice: found.length - there.size };
};

/** Everything that one process loads by itself. Ship and sync are processes of their own. */
export async function loadsOn(connection: Connection): Promise<Readonly<Record<string, Load>>> {
  const redis = connection.ask;
  const listen = (): ReturnType<Connection['listen']> => connection.listen();
  const [room, topic, type, lock, subject, series, name] = [
    ...['ops', 'news', 'project', 'deploy', 'key', 'web', 'app'],
  ].map(doomed) as [string, string, string, string, string, string, string];
  await create(redis, room, ['ann', 'bob']);
  const buffer = new IncrementBuffer(redis, { maxDelayMs: 60_000 });
  const hits = new Hits(redis, { flushMs: 10_000 });
  const log = new LogWriter(redis, name, { flushMs: 10_000 });
  const most = 1_000_000_000;
  const limiter = new Limiter(redis, { max: most, perMs: 86_400_000 * 300 }, { localDeny: false });

  return {
    chat: {
      act: (turn) => send(redis, room, 'ann', String(turn)),
      async count(acknowledged) {
        const stored = await history(redis, room, 0, 1_000_000);
        const ids = stored.map(({ id }) => id);
        expect(ids, 'ids of a room rise').toEqual([...new Set(ids)].toSorted((a, b) => a - b));
        return listed(
          acknowledged,
          stored.flatMap((entry) => ('message' in entry ? [entry.message] : [])),
        );
      },
    },
    topic: topicLoad(connection, topic),
    log: {
      act: async () => {
        log.write('request took 7 ms');
        await log.flush();
      },
      async count(acknowledged) {
        const { total, previousTotal } = await common(redis, log.log);
        return summed(acknowledged, total + previousTotal);
      },
    },
    limit: {
      act: () => limiter.hit(subject),
      async count(acknowledged) {
        return summed(acknowledged, most - (await limiter.peek(subject)).remaining);
      },
    },
    hits: {
      act: async () => {
        hits.add(series);
        await hits.flush();
      },
      async count(acknowledged) {
        return summed(acknowledged, (await sum(redis, series, { sinceMs: 3_600_000 })).sum);
      },
    },
    buffer: {
      act: async () => {
        buffer.add(type, 'id');
        await buffer.flush();
      },
      async count(acknowledged) {
        return summed(acknowledged, (await pendingOf(redis, type)).total);
      },
    },
    lock: lockLoad(redis, lock, listen),
  };
}

/** One publisher that waits for each message, one subscriber that is there all the time. */
function topicLoad(connection: Connection, topic: string): Load {
  const redis = connection.ask;
  const reading = new AbortController();
  const read: string[] = [];
  const reader = subscribe(
    redis,
    topic,
    { as: 'audit', from: 'start', listen: () => connection.listen(), signal: reading.signal },
    (item) => {
      if (!isGap(item)) read.push(item.message);
    },
  );
  return {
    act: (turn) => publish(redis, topic, String(turn)),
    async count(acknowledged) {
      // Whatever the failover lost, the last one came after it.
      await expect.poll(() => read.at(-1), { timeout: 30_000 }).toBe(String(acknowledged - 1));
      reading.abort();
      await reader.catch(() => 0);
      const firsts = [...new Set(read)].map(Number);
      expect(firsts, 'messages of a topic come in order').toEqual(firsts.toSorted((a, b) => a - b));
      return listed(acknowledged, read);
    },
  };
}

/** Two who take turns; each grant writes to something that remembers the highest fence. */
function lockLoad(
  redis: Connection['ask'],
  lock: string,
  listen: () => ReturnType<Connection['listen']>,
): Load {
  const fences: number[] = [];
  let highest = 0;
  let refused = 0;
  const turn = async (): Promise<void> => {
    const held = await acquire(redis, lock, { ttlMs: 2000, waitMs: 30_000, listen });
    if (!held) return;
    fences.push(held.fence);
    if (held.fence < highest) refused += 1;
    highest = Math.max(highest, held.fence);
    await held.release();
  };
  return {
    act: () => Promise.all([turn(), turn()]),
    async count(acknowledged) {
      expect(new Set(fences).size, 'no two grants share a fence').toBe(fences.length);
      expect(fences.length).toBeGreaterThan(acknowledged);
      // A grant that the failover lost may overlap with the next one: what the fence protects tells them apart.
      return { lost: 0, twice: refused };
    },
  };
}
