import { keyFamily } from '../../redis/keys.ts';
import { registryKey } from '../../redis/registry.ts';
import type { Role } from '../feature.ts';
import add from './add.lua';
import points from './points.lua';
import sums from './sums.lua';

export const roles: readonly Role[] = [
  {
    name: 'counter',
    scripts: [add, points, sums],
    commands: ['TIME', 'ZADD', 'ZSCAN', 'ZSCORE'],
    keys: (redis, series) => [`${keyFamily(redis, series, { all: 'hits:*:' }).all}*`],
    sharedKeys: () => [registryKey('hits')],
  },
  {
    name: 'viewer',
    scripts: [points, sums],
    commands: ['TIME', 'ZCARD', 'ZREVRANGE', 'ZSCAN', 'ZSCORE'],
  },
  {
    name: 'doctor',
    scripts: [],
    commands: ['GETRANGE', 'PEXPIREAT', 'PTTL', 'TTL', 'TYPE'],
  },
];
