import { keyFamily } from '../../redis/keys.ts';
import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import add from './add.lua';
import points from './points.lua';
import sums from './sums.lua';

export const roles: readonly Role[] = [
  {
    name: 'counter',
    scripts: [add, points, registryPage, sums],
    commands: ['TIME', 'ZADD', 'ZSCORE'],
    keys: (redis, series) => [`${keyFamily(redis, series, { all: 'hits:*:' }).all}*`],
    sharedKeys: () => [registryKey('hits')],
  },
  {
    name: 'viewer',
    scripts: [points, registryPage, sums],
    commands: ['TIME', 'ZCARD', 'ZSCORE'],
  },
  {
    name: 'doctor',
    scripts: [],
    commands: ['GETRANGE', 'PEXPIREAT', 'PTTL', 'TTL', 'TYPE'],
  },
];
