import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import advance from './own-layout/advance.lua';
import claim from './own-layout/claim.lua';
import drop from './own-layout/drop.lua';
import { topicKeys } from './own-layout/own-layout.ts';
import publish from './own-layout/publish.lua';
import release from './own-layout/release.lua';
import status from './own-layout/status.lua';
import sweep from './own-layout/sweep.lua';
import seedStatus from './seed-layout/seed-status.lua';
import asidePage from './subscriber/aside-page.lua';
import setAside from './subscriber/set-aside.lua';
import takeOut from './subscriber/take-out.lua';

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
    scripts: [advance, asidePage, claim, drop, release, setAside, status, sweep, takeOut],
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
    scripts: [registryPage, asidePage, status, seedStatus],
    commands: ['EXISTS', 'GET', 'TYPE', 'ZCARD'],
  },
  {
    name: 'doctor',
    scripts: [registryPage, status, seedStatus],
    commands: ['EXISTS', 'GET', 'TYPE', 'ZADD', 'ZMSCORE'],
  },
];
