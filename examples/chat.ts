import { Redis } from 'ioredis';
import { chat } from '../source/index.ts';

// Two members of a room: one sends, the other reads, marks, and misses nothing in between.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');

await chat.create(redis, 'ops', ['deploy', 'oncall']);
const { id } = await chat.send(redis, 'ops', 'deploy', 'web 4.2 is out');
console.log(`message ${id} is stored`);

const { entries } = await chat.pending(redis, 'ops', 'oncall');
for (const entry of entries) {
  console.log(chat.isMalformed(entry) ? entry.malformed : `${entry.sender}: ${entry.message}`);
}
// Only now: had we crashed while printing, they would come again.
const last = entries.at(-1);
if (last) await chat.ack(redis, 'ops', 'oncall', last.id);

for (const member of ['deploy', 'oncall']) await chat.leave(redis, 'ops', member);
redis.disconnect();
