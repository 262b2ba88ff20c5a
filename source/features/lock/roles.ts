import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import acquire from './holder/acquire.lua';
import extend from './holder/extend.lua';
import release from './holder/release.lua';
import { lockKeys } from './holder/scripts.ts';
import wait from './holder/wait.lua';
import inspect from './inspect.lua';

export const roles: readonly Role[] = [
  {
    name: 'locker',
    scripts: [acquire, wait, extend, release, inspect, registryPage],
    commands: ['EXISTS', 'GETRANGE', 'ZADD', 'ZRANGE'],
    keys: (redis, name) => {
      const { lock, queue, fence, waiting } = lockKeys(redis, name);
      return [lock, queue, fence, waiting];
    },
    sharedKeys: () => [registryKey('lock')],
    channels: (redis, name) => [`${lockKeys(redis, name).wake}*`],
    listens: 'once',
  },
  {
    name: 'viewer',
    scripts: [inspect, registryPage],
    commands: ['GETRANGE', 'PTTL', 'TYPE', 'ZCARD'],
  },
  {
    name: 'doctor',
    scripts: [],
    commands: ['GETRANGE', 'PTTL', 'TYPE'],
  },
];
