import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import calculateSlot from 'cluster-key-slot';

/**
 * Which of several servers a key lives on. Every router is a pure function of the key and the ordered list of servers.
 *
 * - `crc32-signed`: what Nydus's PartitionRouter did on Python 2, whose crc32 was signed and whose `%` floors; data
 *   that was spread so is found only so. It differs from the unsigned one unless the number of servers is a power of 2.
 * - `crc32`: the same with today's unsigned crc32.
 * - `ketama`: Nydus's ConsistentHashingRouter: 160 points a server on a ring of md5 words, so that a server added or
 *   removed moves only its own share of the keys.
 * - `slot`: Redis Cluster's 16,384 slots in equal ranges, hash tags respected, so that a later move to a real cluster
 *   keeps families together.
 *
 * Not promised: that a key stays where it was when the list changes; only `ketama` moves few. No server is ever left
 * out because it does not answer: its keys are its own, and elsewhere they would be wrong.
 */
export type RouterName = (typeof routerNames)[number];
export const routerNames = ['crc32-signed', 'crc32', 'ketama', 'slot'] as const;

/** From a key to the index of its server in the given order. */
export type Router = (key: string) => number;

const slots = 16_384;
const pointsPerServer = 40;

/** @param servers their URLs in the order the data was written with; only `ketama` looks at the names */
export function makeRouter(name: RouterName, servers: readonly string[]): Router {
  const count = servers.length;
  if (count === 0) throw new RangeError('Expected at least one server');
  if (count === 1) return () => 0;
  switch (name) {
    case 'crc32-signed':
      return (key) => floored(crc32(key) | 0, count);
    case 'crc32':
      return (key) => crc32(key) % count;
    case 'slot':
      return (key) => Math.floor((calculateSlot(key) * count) / slots);
    case 'ketama':
      return ketama(servers);
  }
}

/** Python's `%`: the result has the sign of the divisor. */
function floored(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function ketama(servers: readonly string[]): Router {
  const ring = servers
    .flatMap((url, index) =>
      Array.from({ length: pointsPerServer }, (_, point) =>
        words(`${nydusIdentifier(url)}-${point}-salt`).map((position) => ({ position, index })),
      ).flat(),
    )
    .sort((left, right) => left.position - right.position);
  const positions = Uint32Array.from(ring, ({ position }) => position);
  return (key) => {
    const [position = 0] = words(key);
    const next = firstAbove(positions, position);
    return ring[next === ring.length ? 0 : next]?.index ?? 0;
  };
}

/** `redis://host:port/db`, however the URL was written: what the ring's points are made of. */
function nydusIdentifier(url: string): string {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol === 'unix:') return url;
  return `redis://${hostname}:${port || '6379'}/${pathname.slice(1) || '0'}`;
}

/** An md5 digest as its four little-endian 32-bit words. */
function words(text: string): number[] {
  const digest = createHash('md5').update(text).digest();
  return [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset));
}

/** The index of the first position strictly above; the length if there is none. */
function firstAbove(positions: Uint32Array, position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((positions[middle] ?? 0) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
