import { appendFileSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Redis } from 'ioredis';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';

/**
 * What the crash test kills. The publisher notes what it was promised, the subscriber what it handled, each in a file
 * that outlives it, before anything is acknowledged.
 *
 *     crash-worker.ts publisher SOCKET FILE TOPIC
 *     crash-worker.ts subscriber SOCKET FILE TOPIC NAME
 */
const [role = '', socket = '', file = '', topic = '', name = ''] = process.argv.slice(2);
const redis = new Redis({
  path: socket,
  connectionName: role,
  maxRetriesPerRequest: null,
  retryStrategy: () => 20,
});
redis.on('error', () => {});

if (role === 'publisher') {
  await Promise.all([publishOn(0), publishOn(1), publishOn(2), publishOn(3)]);
} else {
  await subscribeOn();
}

/** Batches of 100 while the quota allows; each message says which call of which process it comes from. */
async function publishOn(lane: number): Promise<void> {
  for (let call = 0; ; call += 1) {
    while (Number(await redis.incrby('quota', -100)) < 0) {
      await redis.incrby('quota', 100);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const texts = Array.from({ length: 100 }, (_, index) => `${process.pid}:${lane}:${call}:${index}`);
    const { first, count } = await publish(redis, topic, texts);
    appendFileSync(file, `${first} ${count} ${process.pid}:${lane}:${call}\n`);
  }
}

async function subscribeOn(): Promise<void> {
  const descriptor = openSync(file, 'a');
  if (readFileSync(file, 'utf8') !== '') writeSync(descriptor, 'restarted\n');
  const subscription = await Subscription.open(redis, topic, { as: name, leaseMs: 500, standby: true });
  for (;;) {
    const items = await subscription.take();
    const lines = items.map((item) => (isGap(item) ? `gap ${item.gap.from}` : `${item.id} ${item.message}`));
    writeSync(descriptor, `${lines.join('\n')}\n`);
    const last = items.at(-1);
    if (last) subscription.ack(isGap(last) ? last.gap.to : last.id);
  }
}
