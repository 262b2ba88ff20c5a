import { registryKey } from '../../redis/registry.ts';
import type { Role } from '../feature.ts';
import ack from './ack.lua';
import create from './create.lua';
import history from './history.lua';
import inspect from './inspect.lua';
import join from './join.lua';
import { roomKeys, seenKey } from './keys.ts';
import leave from './leave.lua';
import look from './look.lua';
import pending from './pending.lua';
import send from './send.lua';

export const roles: readonly Role[] = [
  {
    name: 'chat',
    scripts: [ack, create, history, inspect, join, leave, look, pending, send],
    commands: ['GET', 'SET', 'ZADD', 'ZREM', 'ZSCAN'],
    keys: (redis, room) => {
      const { guard, frames, ...keys } = roomKeys(redis, room);
      return [...Object.values(keys), `${guard}*`, `${frames}*`];
    },
    sharedKeys: () => [registryKey('chat'), seenKey('*')],
    channels: (redis, room) => [roomKeys(redis, room).members],
    listens: 'changing',
  },
  {
    name: 'viewer',
    channels: (redis, room) => [roomKeys(redis, room).members],
    listens: 'changing',
    scripts: [history, inspect, look, pending],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZREVRANGE', 'ZSCAN', 'ZSCORE'],
  },
  {
    name: 'doctor',
    scripts: [inspect],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZREMRANGEBYSCORE', 'ZSCORE'],
  },
];
