import { registryKey } from '../../redis/registry.ts';
import type { Role } from '../feature.ts';
import claim from './flush/claim.lua';
import commit from './flush/commit.lua';
import drop from './flush/drop.lua';
import retry from './flush/retry.lua';
import increment from './increment.lua';
import { bufferKeys } from './keys.ts';
import pending from './pending.lua';

export const roles: readonly Role[] = [
  {
    name: 'producer',
    scripts: [increment, pending],
    commands: ['UNLINK', 'ZADD'],
    keys: (redis, type) => {
      const { pending: counts, oldest, guard } = bufferKeys(redis, type);
      return [counts, oldest, `${guard}*`];
    },
    reads: (redis, type) => {
      const { inflight, batch, status, aside } = bufferKeys(redis, type);
      return [inflight, batch, status, aside];
    },
    sharedKeys: () => [registryKey('buffer')],
  },
  {
    name: 'flusher',
    scripts: [claim, commit, drop, pending, retry],
    commands: ['EXISTS', 'HGET', 'HMGET', 'TIME', 'ZADD', 'ZCOUNT', 'ZMSCORE', 'ZRANGE', 'ZSCAN'],
    keys: (redis, type) => {
      const { guard: _, ...keys } = bufferKeys(redis, type);
      return Object.values(keys);
    },
    sharedKeys: () => [registryKey('buffer')],
    uses: [{ role: 'locker', nameOf: (type) => `flush:${type}` }],
  },
  {
    name: 'viewer',
    scripts: [pending],
    commands: ['HGETALL', 'HMGET', 'TIME', 'TYPE', 'ZCARD', 'ZMSCORE', 'ZRANDMEMBER', 'ZREVRANGE', 'ZSCAN'],
  },
  {
    name: 'doctor',
    scripts: [pending],
    commands: ['HGETALL', 'TYPE', 'ZADD', 'ZCARD', 'ZMSCORE', 'ZRANDMEMBER', 'ZREVRANGE'],
  },
];
