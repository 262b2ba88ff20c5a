import { registryKey } from '../../redis/registry.ts';
import type { Role } from '../feature.ts';
import { syncKeys, targetName } from './keys.ts';
import status from './status.lua';

export const roles: readonly Role[] = [
  {
    name: 'syncer',
    scripts: [status],
    commands: ['EXISTS', 'HDEL', 'HGET', 'HKEYS', 'HSCAN', 'HSET', 'ZADD', 'ZREM', 'ZSCAN'],
    keys: (redis, channel) => Object.values(syncKeys(redis, channel)),
    // Where programs of the legacy layout notify.
    channels: (_redis, channel) => [channel],
    listens: 'changing',
    sharedKeys: () => [registryKey('sync')],
    uses: [
      { role: 'publisher', nameOf: (channel) => channel },
      { role: 'subscriber', nameOf: (channel) => channel },
      { role: 'locker', nameOf: () => targetName('*', '*') },
    ],
  },
  {
    name: 'viewer',
    scripts: [status],
    commands: ['HKEYS', 'HSCAN', 'ZCARD', 'ZREVRANGE', 'ZSCAN'],
  },
  {
    name: 'doctor',
    scripts: [status],
    commands: ['ZSCAN'],
  },
];
