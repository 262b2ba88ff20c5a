import process from 'node:process';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { afterAll, expect, test } from 'vitest';
import { QuarterdeckError, UnsupportedClientError } from '../../source/errors.ts';
import type { Redis as AnyRedis } from '../../source/library-types.ts';
import { clientOf, listenerOf } from '../../source/redis/connection/library-client.ts';
import { warn } from '../../source/warnings.ts';

const options = { lazyConnect: true };
const made: { disconnect(): void }[] = [];
function keep<Client extends { disconnect(): void }>(client: Client): Client {
  made.push(client);
  return client;
}
afterAll(() => {
  for (const client of made) client.disconnect();
});

test.each<[string, () => AnyRedis]>([
  ['a plain client', () => new Redis(options)],
  ['ioredis 5', () => new Redis5(options)],
  ['a cluster of ioredis 5', () => new Cluster5([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })],
  ['iovalkey', () => new Valkey(options)],
  ['one that pipelines by itself', () => new Redis({ ...options, enableAutoPipelining: true })],
  ['an old protocol', () => new Redis({ ...options, protocol: 2 })],
  ['a cluster', () => new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })],
])('%s is taken as it is', (_, make) => {
  const client = keep(make());
  expect(clientOf(client)).toBe(client);
});

test.each([
  ['keyPrefix', () => new Redis({ ...options, keyPrefix: 'app:' })],
  ['stringNumbers', () => new Redis({ ...options, stringNumbers: true })],
  ['keyPrefix', () => new Cluster([{ port: 1 }], { lazyConnect: true, redisOptions: { keyPrefix: 'a:' } })],
  ['keyPrefix', () => new Cluster([{ port: 1 }], { lazyConnect: true, keyPrefix: 'a:' })],
  ['scaleReads', () => new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: 'all' })],
  [
    'enableAutoPipelining',
    () => new ValkeyCluster([{ port: 1 }], { lazyConnect: true, enableAutoPipelining: true }),
  ],
])('%s is refused, and named', (name, make) => {
  const client = keep(make());
  expect(() => clientOf(client)).toThrow(UnsupportedClientError);
  expect(() => clientOf(client)).toThrow(name);
});

test.each<[string, unknown]>([
  ['a client of node-redis', { sendCommand() {}, duplicate() {}, connect() {} }],
  ['nothing', undefined],
  ['a URL', 'redis://127.0.0.1'],
])('%s is refused', (_, given) => {
  // What a program without types may pass.
  expect(() => clientOf(given as AnyRedis)).toThrow(UnsupportedClientError);
});

test('a second connection is made as the caller says, and looked at as well', () => {
  const redis = keep(new Redis(options));
  const other = keep(new Redis(options));
  expect(listenerOf(redis, { subscriber: () => other })()).toBe(other);
  const odd = keep(new Redis({ ...options, keyPrefix: 'x' }));
  expect(() => listenerOf(redis, { subscriber: () => odd })()).toThrow(UnsupportedClientError);
  expect(keep(listenerOf(redis, {})())).not.toBe(redis);
});

test('a second connection that would hear nothing of the first is refused', () => {
  const [one, all] = [keep(new Redis(options)), keep(new Cluster([{ port: 1 }], options))];
  const deaf = keep(new Cluster([{ port: 1 }], options));
  const hearing = keep(new Cluster([{ port: 1 }], { ...options, shardedSubscribers: true }));
  expect(() => listenerOf(all, { subscriber: () => one })()).toThrow('not both a Cluster');
  expect(() => listenerOf(one, { subscriber: () => hearing })()).toThrow('not both a Cluster');
  expect(() => listenerOf(all, { subscriber: () => deaf })()).toThrow('hears no sharded channels');
  expect(listenerOf(all, { subscriber: () => hearing })()).toBe(hearing);
});

test('an error is known as ours by what it carries, whichever copy of the class made it', () => {
  const error = new UnsupportedClientError('x');
  expect(QuarterdeckError.is(error)).toBe(true);
  expect(error.isRetryable).toBe(false);
  const foreign = Object.assign(new Error('x'), { kind: 'usage', code: 'X', hint: 'y' });
  expect(QuarterdeckError.is(foreign)).toBe(false);
  Object.defineProperty(foreign, Symbol.for('quarterdeck.error'), { value: true });
  expect(QuarterdeckError.is(foreign)).toBe(true);
});

test('a warning goes to the listener, or else to Node, once for each code', async () => {
  const error = new QuarterdeckError('connection', 'TEST_WARNING', 'it is full', { hint: 'Free some' });
  const heard: unknown[] = [];
  warn((event) => heard.push(event), error);
  expect(heard).toEqual([{ type: 'warning', error }]);

  const emitted: Error[] = [];
  const listener = (warning: Error) => emitted.push(warning);
  process.on('warning', listener);
  warn(undefined, error);
  warn(undefined, error);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listener);
  expect(emitted.map(({ name, message }) => [name, message])).toEqual([
    ['QuarterdeckWarning', 'it is full. Free some'],
  ]);
});
