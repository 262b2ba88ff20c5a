import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { buffer } from '../source/index.ts';

// Counts page views in Redis and writes them to SQL once, however often anything dies in between.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const file = path.join(mkdtempSync(path.join(tmpdir(), 'views-')), 'app.db');
const db = new DatabaseSync(file);
db.exec('CREATE TABLE page (id TEXT PRIMARY KEY, views INTEGER NOT NULL DEFAULT 0)');

const views = new buffer.IncrementBuffer(redis);
for (let visit = 0; visit < 1000; visit += 1) views.add('page', `/article/${visit % 7}`);
await views.close();
console.log(await buffer.pendingOf(redis, 'page'));

const target = await buffer.openTarget({ to: `sqlite:${file}`, table: 'page', column: 'views' });
console.log(await buffer.flush(redis, 'page', target));
console.log(db.prepare('SELECT * FROM page').all());

await target.close();
redis.disconnect();
