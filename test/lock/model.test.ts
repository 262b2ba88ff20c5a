import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import type { Held } from '../../source/features/lock/holder/held.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { nonceOf } from '../../source/features/lock/token.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Any sequence of arriving, leaving, releasing, dying and lapsing, against what a fair lock does: the holder is
 * whoever has waited longest of those still there, one at a time, with a fence above all before.
 */

const server = await redisForThisFile();
const redis = server.client();

type Step =
  | { readonly name: 'arrive'; readonly client: number }
  | { readonly name: 'leave'; readonly waiter: number }
  | { readonly name: 'release' | 'lapse' | 'die' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ name: fc.constant('arrive' as const), client: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.constant({ name: 'release' as const }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('leave' as const), waiter: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ name: 'die' as const }) },
  { weight: 1, arbitrary: fc.constant({ name: 'lapse' as const }) },
);

type Waiter = {
  readonly controller: AbortController;
  readonly wait: Promise<Held | undefined>;
};

/** A hand-over that has to wait for the TTL is one that went wrong. */
async function within<Value>(turn: Promise<Value>): Promise<Value> {
  const late = wait(15_000, undefined, { ref: false }).then(() =>
    Promise.reject(new Error('Handed over too late')),
  );
  return await Promise.race([turn, late]);
}

test('any schedule: one holder, first come first served, fences rise', async () => {
  let round = 0;
  const shared = [0, 1, 2].map(() => server.client());
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      round += 1;
      const name = `model:${round}`;
      let holder: Held | undefined;
      let queue: Waiter[] = [];
      let highest = 0;

      const ghosts: string[] = [];

      /** The one whose turn it is has it, and Redis says the same. */
      const settle = async (): Promise<void> => {
        const next = holder ? undefined : queue.shift();
        if (next) {
          holder = await within(next.wait);
          expect(holder?.fence).toBeGreaterThan(highest);
          highest = holder?.fence ?? 0;
        }
        await vi.waitFor(async () => {
          expect(await redis.get(`lock:${name}`)).toBe(holder?.token ?? null);
          const places = await redis.zrange(`lock-queue:${name}`, '0', '-1');
          const alive = places.filter((token) => !ghosts.some((nonce) => token.includes(nonce)));
          expect(alive).toHaveLength(queue.length);
        }, 10_000);
      };
      const arrive = async (client: Redis): Promise<void> => {
        const controller = new AbortController();
        const turn = acquire(client, name, { waitMs: 20_000, ttlMs: 20_000, signal: controller.signal });
        turn.catch(() => {});
        queue.push({ controller, wait: turn });
        await settle();
      };
      const drop = async (index: number, how: (waiter: Waiter) => void): Promise<void> => {
        const waiter = queue[index % Math.max(1, queue.length)];
        if (!waiter) return;
        queue = queue.filter((other) => other !== waiter);
        how(waiter);
        await waiter.wait.catch(() => {});
      };

      for (const action of steps) {
        if (action.name === 'arrive') {
          await arrive(shared[action.client] ?? redis);
        } else if (action.name === 'release') {
          const released = holder;
          holder = undefined;
          if (released) expect(await released.release()).toBe(true);
          await settle();
        } else if (action.name === 'leave') {
          await drop(action.waiter, ({ controller }) => controller.abort());
          await settle();
        } else if (action.name === 'die') {
          // One that waits on a connection of its own, and is cut off: its place stays until somebody comes to it.
          if (!holder) await arrive(shared[1] ?? redis);
          const doomed = server.client();
          await arrive(doomed);
          queue.pop();
          ghosts.push(nonceOf(doomed));
          doomed.disconnect();
          const channel = `lock-wake:${name}:${nonceOf(doomed)}`;
          await vi.waitFor(
            async () => expect(await redis.pubsub('NUMSUB', channel)).toEqual([channel, 0]),
            10_000,
          );
        } else if (holder) {
          // The holder died and its TTL ended: the next one to come finds the lock free, but not for itself.
          await redis.del(`lock:${name}`);
          holder = undefined;
          await arrive(shared[0] ?? redis);
        }
      }
      for (await settle(); holder; await settle()) {
        const released: Held = holder;
        holder = undefined;
        await released.release();
      }
      expect(await redis.exists(`lock:${name}`, `lock-queue:${name}`, `lock-waiting:${name}`)).toBe(0);
    }),
    { numRuns: 40, endOnFailure: true },
  );
}, 60_000);
