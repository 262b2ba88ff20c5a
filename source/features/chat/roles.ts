import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import { roomKeys, seenKey } from './keys.ts';
import ack from './room/ack.lua';
import beside from './room/beside.lua';
import clear from './room/clear.lua';
import create from './room/create.lua';
import here from './room/here.lua';
import history from './room/history.lua';
import inspect from './room/inspect.lua';
import join from './room/join.lua';
import leave from './room/leave.lua';
import look from './room/look.lua';
import pending from './room/pending.lua';
import pin from './room/pin.lua';
import send from './room/send.lua';
import unpin from './room/unpin.lua';

export const roles: readonly Role[] = [
  {
    name: 'chat',
    scripts: [
      ...[ack, beside, clear, create, here, history, inspect, join, leave, look, pending, pin, registryPage],
      ...[send, unpin],
    ],
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
    scripts: [beside, history, inspect, look, pending, registryPage],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZSCORE'],
  },
  {
    name: 'doctor',
    scripts: [inspect, registryPage],
    commands: ['TIME', 'TYPE', 'ZRANGE', 'ZREMRANGEBYSCORE', 'ZSCORE'],
  },
];
