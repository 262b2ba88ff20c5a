import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import * as file from '../../examples/fenced-file.ts';
import * as sql from '../../examples/fenced-sql.ts';
import { acquire } from '../../source/features/lock/lock.ts';

/** Takes the lock, then writes to both sinks when it is asked to, without looking whether it still holds it. */
const [socket = '', database = '', target = ''] = process.argv.slice(2);
const redis = new Redis({ path: socket });
const held = await acquire(redis, 'sinks', { ttlMs: 300 });
process.stdout.write(`${held?.fence}\n`);
await once(process.stdin, 'data');
const fence = held?.fence ?? 0;
const answers = [
  sql.saveFenced(new DatabaseSync(database), 'config', 'stale', fence),
  file.saveFenced(target, 'stale', fence),
];
process.stdout.write(`${answers.join(' ')} ${held?.leftMs() !== undefined && held.leftMs() > 0}\n`);
redis.disconnect();
process.exit(0);
