import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import heaviest from './heaviest.lua';
import { logKeys } from './keys.ts';
import read from './read.lua';
import recent from './recent.lua';
import write from './write.lua';

export const roles: readonly Role[] = [
  {
    name: 'logger',
    scripts: [write, heaviest, read, recent, registryPage],
    commands: ['EXISTS', 'TIME', 'ZADD'],
    keys: (redis, name) => {
      const { guard, ...keys } = logKeys(redis, { name, severity: '*' });
      return [...Object.values(keys), `${guard}*`];
    },
    sharedKeys: () => [registryKey('log')],
  },
  { name: 'viewer', scripts: [heaviest, read, recent, registryPage], commands: ['EXISTS', 'TIME'] },
  {
    name: 'doctor',
    scripts: [],
    commands: ['EXISTS', 'SET', 'TIME', 'TYPE', 'ZCARD'],
  },
];
