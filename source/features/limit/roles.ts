import { keyFamily } from '../../redis/keys.ts';
import type { Role } from '../feature.ts';
import hit from './check/hit.lua';
import indexed from './indexed.lua';
import resetLua from './reset/reset.lua';
import restoreLua from './reset/restore.lua';
import scanIndex from './scan-index.lua';
import note from './usage-index.lua';
import { indexKeys } from './usage-index.ts';

export const roles: readonly Role[] = [
  {
    name: 'limiter',
    scripts: [hit, note, indexed, resetLua, restoreLua, scanIndex],
    commands: ['DEL', 'HDEL', 'TIME'],
    keys: (redis, subject) => [`${keyFamily(redis, subject, { state: 'limit:*:' }).state}*`],
    sharedKeys: (redis) => Object.values(indexKeys(redis)),
  },
  {
    name: 'viewer',
    scripts: [indexed, scanIndex],
    commands: ['GETRANGE', 'PTTL', 'TYPE', 'TTL', 'ZMSCORE'],
  },
  {
    name: 'doctor',
    scripts: [],
    commands: ['GETRANGE', 'PEXPIRE', 'PTTL', 'TTL', 'TYPE'],
  },
];
