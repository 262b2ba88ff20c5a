import { Redis } from 'ioredis';
import { topic } from '../source/index.ts';

// Every subscriber gets every message, in order, also those published while it was away.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null });

await topic.publish(redis, 'orders', ['order 1', 'order 2']);

let handled = 0;
for await (const item of topic.consume(redis, 'orders', { as: 'billing', untilCaughtUp: true })) {
  if (item.type === 'gap') console.log(`missed ${item.from} to ${item.to}`);
  // Acknowledged when the next is asked for; (topic, id) makes it idempotent, should a crash repeat it.
  else console.log(item.id, item.text);
  handled += 1;
}

const status = await topic.status(redis, 'orders');
console.log(`${handled} handled, lag ${status?.subscribers[0]?.lag}`);
redis.disconnect();
