import { setImmediate as turn } from 'node:timers/promises';
import fc, { type Scheduler } from 'fast-check';
import type { Command, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Every command of a subscriber is held back until the scheduler lets it go, and so is every publication: each run
 * is another order of subscribing, claiming, draining, listening and publishing. The slow poll is out of reach, so
 * what arrives, arrives because nothing falls between catching up and listening.
 */

const server = await redisForThisFile();
const publisher = server.client();

let topics = 0;
/** The clients of the subscriber. */
const held: Redis[] = [];
/** Their commands that left and are not answered; those that wait for a message do not count. */
let onTheWay = 0;

/** The scheduler goes on when what it let go has come to rest, so that nothing happens all at once. */
async function act(release: () => Promise<void>): Promise<void> {
  await release();
  do {
    await publisher.ping();
    for (let ticks = 0; ticks < 5; ticks += 1) await turn();
  } while (onTheWay > 0 || held.some(({ status }) => status !== 'ready' && status !== 'end'));
}

const happenings = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ name: fc.constant('publish' as const), count: fc.nat({ max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('cut' as const), count: fc.nat({ max: 2 }) }) },
  ),
  { minLength: 1, maxLength: 8 },
);

test.each([
  { how: 'a command that waits', options: {} },
  { how: 'a notification', options: { notificationsOnly: true } },
  { how: 'a notification of the legacy layout', options: { layout: 'seed' as const } },
])('by $how, a message published at any instant arrives, in order', async ({ options }) => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler({ act }),
      fc.nat({ max: 3 }),
      happenings,
      async (scheduler, before, events) => {
        if (options.layout === 'seed') await publisher.flushall();
        topics += 1;
        const topic = `scheduled:${topics}`;
        const send = (count: number) =>
          publish(
            publisher,
            topic,
            Array.from({ length: count }, () => 'x'),
            options,
          );
        await send(before);
        held.length = 0;
        const client = heldBack(server.client(), scheduler);
        const listener = heldBack(server.client(), scheduler);

        let published = before;
        for (const { name, count } of events) {
          if (name === 'publish') published += count;
          void scheduler.schedule(Promise.resolve(), name).then(async () => {
            if (name === 'publish') await send(count);
            else held[count]?.stream?.destroy();
          });
        }
        const wanted = published;
        const ids: number[] = [];
        const receive = async (): Promise<void> => {
          const subscription = await Subscription.open(client, topic, {
            as: 's',
            listen: () => listener,
            pollMs: 60_000,
            leaseMs: 60_000,
            ...options,
          });
          while (ids.length < wanted) {
            for (const item of await subscription.take()) ids.push(isGap(item) ? -1 : item.id);
          }
        };
        try {
          await Promise.race([
            scheduler.waitFor(receive()),
            lateAfter(20_000, () => `got ${ids} of ${wanted}`),
          ]);
          expect(ids).toEqual(Array.from({ length: wanted }, (_, index) => index + 1));
        } finally {
          for (const each of held) each.disconnect();
        }
      },
    ),
    { numRuns: 70 },
  );
});

const handshake = new Set(['hello', 'client', 'info', 'select']);
/** What ioredis sends again after a reconnect is not held back twice. */
const sent = new WeakSet<Command>();

/** A client whose commands leave when the scheduler lets them; its duplicates too. */
function heldBack(redis: Redis, scheduler: Scheduler): Redis {
  held.push(redis);
  const send = redis.sendCommand.bind(redis);
  const duplicate = redis.duplicate.bind(redis);
  redis.sendCommand = (command: Command, stream) => {
    if (handshake.has(command.name) || sent.has(command)) return send(command, stream);
    sent.add(command);
    void scheduler.schedule(Promise.resolve(), command.name).then(() => {
      send(command);
      if (command.name === 'xread') return;
      onTheWay += 1;
      const answered = (): void => {
        onTheWay -= 1;
      };
      command.promise.then(answered, answered);
    });
    return command.promise;
  };
  redis.duplicate = (override) => heldBack(duplicate(override), scheduler);
  return redis;
}

function lateAfter(ms: number, what: () => string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`late: ${what()}`)), ms).unref();
  });
}
