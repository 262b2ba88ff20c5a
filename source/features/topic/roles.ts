import { registryKey } from '../../redis/registry.ts';
import type { Role } from '../feature.ts';
import advance from './advance.lua';
import claim from './claim.lua';
import drop from './drop.lua';
import { topicKeys } from './own-layout.ts';
import publish from './publish.lua';
import release from './release.lua';
import seedStatus from './seed-status.lua';
import setAside from './set-aside.lua';
import status from './status.lua';
import sweep from './sweep.lua';
import takeOut from './take-out.lua';

export const roles: readonly Role[] = [
  {
    name: 'publisher',
    scripts: [publish, sweep],
    commands: ['HSET', 'UNLINK', 'ZADD'],
    keys: (redis, topic) => {
      const { sent, aside: _, ...keys } = topicKeys(redis, topic);
      return [...Object.values(keys), `${sent}*`];
    },
    sharedKeys: () => [registryKey('topic')],
    channels: (redis, topic) => [topicKeys(redis, topic).msgs],
  },
  {
    name: 'subscriber',
    scripts: [advance, claim, drop, release, setAside, status, sweep, takeOut],
    commands: ['HDEL', 'HSCAN', 'HSET', 'XREAD', 'ZADD'],
    keys: (redis, topic) => {
      const { sent: _, aside, ...keys } = topicKeys(redis, topic);
      return [...Object.values(keys), `${aside}*`];
    },
    sharedKeys: () => [registryKey('topic')],
    channels: (redis, topic) => [topicKeys(redis, topic).msgs],
    listens: 'changing',
  },
  {
    name: 'viewer',
    scripts: [status, seedStatus],
    commands: ['EXISTS', 'GET', 'HSCAN', 'TYPE', 'ZCARD', 'ZREVRANGE', 'ZSCAN'],
  },
  {
    name: 'doctor',
    scripts: [status, seedStatus],
    commands: ['EXISTS', 'GET', 'TYPE', 'ZADD', 'ZSCAN'],
  },
];
