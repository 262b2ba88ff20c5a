import { Redis } from 'ioredis';
import { topic } from '../source/index.ts';

// Every subscriber gets every message, in order, also those published while it was away.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null });

await topic.publish(redis, 'orders', ['order 1', 'order 2']);

const handled = await topic.subscribe(
  redis,
  'orders',
  { as: 'billing', untilCaughtUp: true },
  async (item) => {
    if (topic.isGap(item)) console.log(`missed ${item.gap.from} to ${item.gap.to}`);
    // Acknowledged when this returns; (topic, id) makes it idempotent, should a crash repeat it.
    else console.log(item.id, item.message);
  },
);

const { subscribers } = await topic.status(redis, 'orders');
console.log(`${handled} handled, lag ${subscribers[0]?.lag}`);
redis.disconnect();
