import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { ship } from '../source/index.ts';

/** Ships a directory to two consumers, one of which counts lines and the other rebuilds the files. */
const connect = () =>
  new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null });
const [source, copy, redis] = [mkdtempSync(`${tmpdir()}/logs-`), mkdtempSync(`${tmpdir()}/copy-`), connect()];
for (const name of ['web.log', 'app.log']) writeFileSync(path.join(source, name), 'a line\n'.repeat(100_000));

async function countLines(): Promise<void> {
  let lines = 0;
  // Asking for the next part acknowledges the one before.
  for await (const part of ship.consume(connect(), 'logs:', { as: '0' })) {
    for await (const batch of part.lines()) lines += batch.length;
  }
  console.log(`${lines} lines`);
}

async function rebuild(): Promise<void> {
  await using out = ship.openDirectory(copy);
  for await (const part of ship.consume(connect(), 'logs:', { as: '1' })) await out.write(part);
  console.log(readdirSync(copy));
}

const shipping = ship.run(redis, 'logs:', [source], { consumers: 2, budgetBytes: 8 * 1024 ** 2 });
const [shipped] = await Promise.all([shipping, countLines(), rebuild()]);
console.log(shipped);
process.exit();
