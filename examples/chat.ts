import { Redis } from 'ioredis';
import { chat } from '../source/index.ts';

// Two members of a room: one sends, the other reads, marks, and misses nothing in between.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');

await chat.create(redis, { room: 'ops', members: ['deploy', 'oncall'] });
const { id } = await chat.send(redis, 'ops', 'web 4.2 is out', { as: 'deploy' });
console.log(`message ${id} is stored`);

// What is printed is marked as seen afterwards: had we crashed while printing, it would come again.
for (const { sender, text } of await chat.read(redis, 'ops', { as: 'oncall', peek: true }))
  console.log(`${sender}: ${text}`);
await chat.read(redis, 'ops', { as: 'oncall' });

for (const member of ['deploy', 'oncall']) await chat.leave(redis, 'ops', { as: member });
redis.disconnect();
