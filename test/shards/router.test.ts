import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeRouter, routerNames } from '../../source/features/shards/router.ts';

const servers = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `redis://10.0.0.${index}:6379`);

test('signed crc32 floors as Python does', () => {
  // crc32('a') is 0xe8b7be43: negative when signed, so the two differ unless the count is a power of two.
  expect(makeRouter('crc32-signed', servers(3))('a')).toBe((((0xe8b7be43 | 0) % 3) + 3) % 3);
  expect(makeRouter('crc32', servers(3))('a')).toBe(0xe8b7be43 % 3);
  expect(makeRouter('crc32', servers(3))('a')).not.toBe(makeRouter('crc32-signed', servers(3))('a'));
});

test('signed and unsigned agree exactly for powers of two', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(1, 2, 4, 8, 16), (key, count) => {
      expect(makeRouter('crc32-signed', servers(count))(key)).toBe(makeRouter('crc32', servers(count))(key));
    }),
  );
  const differing = Array.from({ length: 330 }, (_, index) => `key:${index}`).filter(
    (key) => makeRouter('crc32-signed', servers(7))(key) !== makeRouter('crc32', servers(7))(key),
  );
  expect(differing.length).toBeGreaterThan(100);
});

test('every router names a server of the list, always the same one', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(...routerNames),
      (key, count, name) => {
        const route = makeRouter(name, servers(count));
        const shard = route(key);
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(count);
        expect(makeRouter(name, servers(count))(key)).toBe(shard);
      },
    ),
  );
});

test('every router spreads keys over all servers', () => {
  for (const name of routerNames) {
    const route = makeRouter(name, servers(4));
    const counts = [0, 0, 0, 0];
    for (let index = 0; index < 4000; index += 1) {
      const shard = route(`user:${index}`);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(400);
  }
});

test('ketama: removing a server moves no key of another one', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 2, max: 8 }), fc.nat(7), (key, count, place) => {
      const removed = place % count;
      const before = servers(count);
      const after = before.filter((_, index) => index !== removed);
      const was = before[makeRouter('ketama', before)(key)];
      if (was !== before[removed]) expect(after[makeRouter('ketama', after)(key)]).toBe(was);
    }),
  );
});

test('ketama: the ring is made of `redis://host:port/db`, however the URL was written', () => {
  const plain = makeRouter('ketama', ['redis://a', 'redis://b']);
  const full = makeRouter('ketama', ['redis://a:6379/0', 'redis://b:6379']);
  for (let index = 0; index < 200; index += 1) expect(plain(`k${index}`)).toBe(full(`k${index}`));
});

test('slot: a hash tag keeps a family on one server', () => {
  const route = makeRouter('slot', servers(5));
  expect(route('chat:{ops}')).toBe(route('msgs:{ops}'));
});

// Computed by a separate Python implementation of Nydus's published algorithm: key, signed crc32 over three and over
// five servers, ketama over redis://10.0.0.0:6379/0, …1, …2.
test.each([
  ['user:0', 1, 1, 2],
  ['user:1', 0, 2, 0],
  ['user:2', 0, 0, 2],
  ['user:3', 2, 1, 2],
  ['user:4', 0, 0, 2],
  ['user:5', 2, 0, 1],
  ['user:6', 1, 1, 0],
  ['user:7', 2, 4, 0],
  ['user:8', 1, 3, 1],
  ['user:10', 2, 4, 2],
  ['a', 2, 1, 2],
  ['{tag}x', 0, 4, 0],
  ['foo bar', 0, 2, 1],
  ['', 0, 0, 1],
])('`%s` goes where Nydus put it', (key, ofThree, ofFive, onRing) => {
  expect(makeRouter('crc32-signed', servers(3))(key)).toBe(ofThree);
  expect(makeRouter('crc32-signed', servers(5))(key)).toBe(ofFive);
  expect(makeRouter('ketama', servers(3))(key)).toBe(onRing);
});
