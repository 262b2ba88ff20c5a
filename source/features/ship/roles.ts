import beginnings from '../../redis/beginnings.lua';
import type { Client } from '../../redis/client.ts';
import hashPage from '../../redis/hash-page.lua';
import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import clearCounter from './channel/clear-counter.lua';
import drop from './channel/drop.lua';
import heartbeat from './channel/heartbeat.lua';
import { channelKeys } from './channel/keys.ts';
import retry from './channel/retry.lua';
import status from './channel/status.lua';
import aside from './consumer/aside.lua';
import done from './consumer/done.lua';
import doneMany from './consumer/done-many.lua';
import join from './consumer/join.lua';
import leaveConsumer from './consumer/leave.lua';
import pending from './consumer/pending.lua';
import announce from './shipper/announce.lua';
import finish from './shipper/finish.lua';
import leaveShipper from './shipper/leave.lua';
import open from './shipper/open.lua';
import pack from './shipper/pack.lua';
import release from './shipper/release.lua';
import remember from './shipper/remember.lua';
import reserve from './shipper/reserve.lua';
import sweep from './shipper/sweep.lua';

export const roles: readonly Role[] = [
  {
    name: 'shipper',
    scripts: [
      announce,
      finish,
      hashPage,
      heartbeat,
      leaveShipper,
      open,
      pack,
      release,
      remember,
      reserve,
      status,
      sweep,
    ],
    commands: ['HGET', 'TYPE', 'ZADD'],
    keys: (redis, channel) => {
      // What consumers remember of cut lines is no business of a shipper's.
      const { data, stage, carry: _, ...keys } = channelKeys(redis, channel);
      return [`${data}*`, `${stage}*`, ...Object.values(keys)];
    },
    sharedKeys: () => [registryKey('ship'), 'seen:*'],
    channels: notificationChannels,
    listens: 'changing',
    needsName: true,
  },
  {
    name: 'consumer',
    scripts: [
      aside,
      beginnings,
      done,
      doneMany,
      drop,
      hashPage,
      heartbeat,
      join,
      leaveConsumer,
      pending,
      retry,
    ],
    commands: ['EXISTS', 'GETRANGE', 'HDEL', 'HGET', 'HSTRLEN', 'STRLEN', 'ZMSCORE'],
    keys: (redis, channel) => {
      const { data, stage: _, ids: __, lock: ___, files: ____, ...keys } = channelKeys(redis, channel);
      return [`${data}*`, ...Object.values(keys)];
    },
    sharedKeys: () => ['seen:*'],
    channels: notificationChannels,
    listens: 'changing',
    needsName: true,
  },
  {
    name: 'viewer',
    scripts: [beginnings, hashPage, pending, registryPage, status],
    commands: ['EXISTS', 'GETRANGE', 'PTTL', 'TYPE'],
  },
  {
    name: 'doctor',
    scripts: [beginnings, clearCounter, hashPage, registryPage, status],
    commands: ['DEL', 'EXISTS', 'GETRANGE', 'PTTL', 'TYPE'],
  },
];

function notificationChannels(redis: Client, channel: string): readonly string[] {
  const { members, settings } = channelKeys(redis, channel);
  return [members, settings];
}
