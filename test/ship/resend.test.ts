import { afterEach, beforeEach, expect, test } from 'vitest';
import { forget } from '../../source/features/ship/channel/forget.ts';
import { status } from '../../source/features/ship/channel/status.ts';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { OutDirectory } from '../../source/features/ship/consumer/out.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, readTree, Scratch } from './harness.ts';

/**
 * Every command executed twice: its reply is swallowed, the connection cut, and ioredis sends it again.
 */

let proxy: FaultProxy;
let scratch: Scratch;
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  proxy = await startFaultProxy(server.socket);
  scratch = new Scratch();
});
afterEach(async () => {
  await proxy.close();
  scratch[Symbol.dispose]();
});

const options = { channel: 'logs:', budgetBytes: 600 * 1024, partBytes: 64 * 1024, consumers: 2 };
const source = () => scratch.files('in', { 'a.log': 400_000, 'b.log': 'b\n', 'c.log': '' });

/** How far a second sending of each step is from doing no harm: what ships through the proxy must be as it was. */
async function expectUnharmed(
  shippers: Promise<unknown>,
  copies: readonly Promise<unknown>[],
  directory: string,
) {
  await shippers;
  await Promise.all(copies);
  for (const id of [0, 1]) expect(readTree(`${scratch.path}/copy-${id}`)).toEqual(readTree(directory));
  expect(await status(server.client(), 'logs:')).toMatchObject({
    usedBytes: 0,
    state: 'done',
    totals: { files: 3, bytes: 400_002 },
  });
  const keys = await server.client().keys('*');
  expect(keys.filter((key) => /^ship-stage|^ship-parts|^logs:|^msgs:|^ship-carry/.test(key))).toEqual([]);
}

test.each([
  ['opening the channel', '-- A shipper comes'],
  ['the first reservation', '-- Takes room for one part'],
  ['a later reservation', 'a.log~4'],
  ['writing a block', 'SETRANGE'],
  ['the first announcement', '-- Puts a written part'],
  ['saying that this was all', '-- A shipper has announced all'],
  ['leaving', '-- A shipper goes'],
])('shipper: %s', async (_, marker) => {
  const directory = source();
  const lost = proxy.swallowReplyTo(marker);
  const copies = [0, 1].map((id) => copyTo(server, `${scratch.path}/copy-${id}`, { as: String(id) }));
  const shipping = ship(proxy.client({ enableAutoPipelining: true }), [directory], options);
  await lost;
  await expectUnharmed(shipping, copies, directory);
});

test.each([
  ['joining', '-- A consumer takes its place'],
  ['asking what is there', '-- What is there for a consumer'],
  ['reading a block', 'getrange'],
  ['the first report', '-- A consumer has finished a message'],
  ['leaving', '-- A consumer gives its place back'],
])('consumer: %s', async (_, marker) => {
  const directory = source();
  const lost = proxy.swallowReplyTo(marker);
  const other = copyTo(server, `${scratch.path}/copy-1`, { as: '1' });
  const out = new OutDirectory(`${scratch.path}/copy-0`);
  const consuming = (async () => {
    for await (const delivery of consume(proxy.client({ enableAutoPipelining: true }), 'logs:', {
      as: '0',
    })) {
      await out.write(delivery);
    }
    await out.close();
  })();
  const shipping = ship(server.client(), [directory], options);
  await lost;
  await expectUnharmed(shipping, [consuming, other], directory);
});

test('a connection that breaks again and again', async () => {
  const directory = source();
  const copies = [0, 1].map((id) => copyTo(server, `${scratch.path}/copy-${id}`, { as: String(id) }));
  const shipping = ship(proxy.client({ enableAutoPipelining: true }), [directory], options);
  const cutting = setInterval(() => proxy.cut(), 15);
  await expectUnharmed(
    shipping.finally(() => clearInterval(cutting)),
    copies,
    directory,
  );
});

test.each(['-- Takes a consumer out of the channel', '-- Takes a forgotten consumer off parts'])(
  'forgetting a consumer twice: %s',
  async (marker) => {
    const directory = source();
    const shipping = ship(server.client(), [directory], { ...options, consumers: 1, budgetBytes: 3_000_000 });
    const redis = proxy.client();
    while ((await status(redis, 'logs:'))?.totals.files !== 3);
    const lost = proxy.swallowReplyTo(marker);
    const freed = forget(redis, 'logs:', '0');
    await lost;
    // The second answer tells what was left to free.
    expect(await freed).toBeLessThanOrEqual(460_000);
    await shipping;
    expect((await status(redis, 'logs:'))?.usedBytes).toBe(0);
  },
);
