import hashPage from '../../redis/hash-page.lua';
import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import countFailed from './count-failed.lua';
import { syncKeys, targetName } from './keys.ts';

export const roles: readonly Role[] = [
  {
    name: 'syncer',
    scripts: [countFailed, hashPage, registryPage],
    commands: ['EXISTS', 'HDEL', 'HGET', 'HSCAN', 'HSET', 'ZADD', 'ZREM'],
    keys: (redis, channel) => Object.values(syncKeys(redis, channel)),
    // Where programs of the legacy layout notify.
    channels: (_redis, channel) => [channel],
    listens: 'changing',
    hasPlainChannels: true,
    sharedKeys: () => [registryKey('sync')],
    uses: [
      { role: 'publisher', nameOf: (channel) => channel },
      { role: 'subscriber', nameOf: (channel) => channel },
      { role: 'locker', nameOf: () => targetName('*', '*') },
    ],
  },
  {
    name: 'viewer',
    scripts: [countFailed, hashPage, registryPage],
    commands: ['ZCARD'],
  },
  {
    name: 'doctor',
    scripts: [countFailed, hashPage],
    commands: [],
  },
];
