// A program of somebody else, as strict as TypeScript can be: compiled and run by ../consumer.test.ts against the
// packed package.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Redis } from 'ioredis';
import { type Redis as AnyRedis, QuarterdeckError, UnsupportedClientError, UsageError } from 'quarterdeck';
import * as chat from 'quarterdeck/chat';
import * as hits from 'quarterdeck/hits';
import * as limit from 'quarterdeck/limit';
import * as lock from 'quarterdeck/lock';
import * as log from 'quarterdeck/log';
import * as ship from 'quarterdeck/ship';

const [path = ''] = process.argv.slice(2);
const redis = new Redis({ path });
const shape: AnyRedis = redis;
assert.equal(shape.status, redis.status);

{
  await using held = await lock.hold(redis, 'reindex', { ttlMs: 10_000 });
  assert.ok(held);
  const fence: number = held.fence;
  assert.ok(fence > 0);
  assert.equal(await lock.acquire(redis, 'reindex'), undefined);
}

const limiter = limit.open(redis, { max: 2, perMs: 60_000 });
const allowed: boolean[] = [];
for (let call = 0; call < 3; call += 1) allowed.push((await limiter.hit('key:7')).allowed);
assert.deepEqual(allowed, [true, true, false]);
await limiter.close();

const counter = hits.open(redis);
counter.add('web', 3);
await counter.close();
assert.equal((await hits.sum(redis, 'web', { sinceMs: 60_000 })).sum, 3);

{
  await using writer = log.open(redis, 'web', { severity: 'error' });
  writer.write('disk full on /srv/a');
}
assert.equal((await log.common(redis, 'web', { severity: 'error' })).entries[0]?.count, 1);

await chat.create(redis, { room: 'ops', members: ['ada', 'bob'] });
assert.equal((await chat.send(redis, 'ops', 'hello', { as: 'ada' })).id, 1);
assert.equal((await chat.read(redis, 'ops', { as: 'bob' }))[0]?.text, 'hello');
await assert.rejects(chat.send(redis, 'nowhere', 'hello', { as: 'ada' }), (error: unknown) =>
  QuarterdeckError.is(error),
);

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-shipped-'));
writeFileSync(join(folder, 'web.log'), 'a line\n'.repeat(100_000));
const shipping = ship.run(redis, 'logs:', [folder], { consumers: 1, budgetBytes: 1_048_576 });
let lines = 0;
for await (const shipped of ship.consume(redis, 'logs:', { as: '0' }))
  for await (const batch of shipped.lines()) lines += batch.length;
assert.equal((await shipping).bytes, 700_000);
assert.equal(lines, 100_000);
rmSync(folder, { recursive: true });

const prefixed = new Redis({ path, keyPrefix: 'app:', lazyConnect: true });
await assert.rejects(lock.acquire(prefixed, 'x'), (error: unknown) => {
  assert.ok(error instanceof UnsupportedClientError && !(error instanceof UsageError));
  return true;
});
prefixed.disconnect();
redis.disconnect();
console.log('six modules work');
