import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import { roomKeys, seenKey } from './keys.ts';
import ack from './room/ack.lua';
import create from './room/create.lua';
import history from './room/history.lua';
import inspect from './room/inspect.lua';
import join from './room/join.lua';
import leave from './room/leave.lua';
import look from './room/look.lua';
import pending from './room/pending.lua';
import send from './room/send.lua';

export const roles: readonly Role[] = [
  {
    name: 'chat',
    scripts: [ack, create, history, inspect, join, leave, look, pending, registryPage, send],
    commands: ['GET', 'SET', 'ZADD', 'ZREM'],
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
    scripts: [history, inspect, look, pending, registryPage],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZSCORE'],
  },
  {
    name: 'doctor',
    scripts: [inspect, registryPage],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZREMRANGEBYSCORE', 'ZSCORE'],
  },
];
