import { registryKey } from '../../redis/registry.ts';
import registryPage from '../../redis/registry-page.lua';
import type { Role } from '../feature.ts';
import addUp from './add-up.lua';
import asidePage from './flush/aside-page.lua';
import claim from './flush/claim.lua';
import commit from './flush/commit.lua';
import drop from './flush/drop.lua';
import dropAll from './flush/drop-all.lua';
import readBatch from './flush/read-batch.lua';
import retry from './flush/retry.lua';
import retryAll from './flush/retry-all.lua';
import increment from './increment.lua';
import { bufferKeys } from './keys.ts';
import pending from './pending.lua';
import sample from './sample.lua';

export const roles: readonly Role[] = [
  {
    name: 'producer',
    scripts: [increment, pending],
    commands: ['UNLINK', 'ZADD'],
    keys: (redis, type) => {
      const { pending: counts, oldest, guard } = bufferKeys(redis, type);
      return [counts, oldest, `${guard}*`];
    },
    reads: (redis, type) => {
      const { inflight, batch, status, aside } = bufferKeys(redis, type);
      return [inflight, batch, status, aside];
    },
    sharedKeys: () => [registryKey('buffer')],
  },
  {
    name: 'flusher',
    scripts: [
      addUp,
      asidePage,
      claim,
      commit,
      drop,
      dropAll,
      pending,
      readBatch,
      registryPage,
      retry,
      retryAll,
    ],
    commands: ['EXISTS', 'TIME', 'ZADD', 'ZCOUNT'],
    keys: (redis, type) => {
      const { guard: _, ...keys } = bufferKeys(redis, type);
      return Object.values(keys);
    },
    sharedKeys: () => [registryKey('buffer')],
    uses: [{ role: 'locker', nameOf: (type) => `flush:${type}` }],
  },
  {
    name: 'viewer',
    scripts: [addUp, asidePage, pending, registryPage, sample],
    commands: ['TIME', 'TYPE', 'ZCARD'],
  },
  {
    name: 'doctor',
    scripts: [asidePage, pending, registryPage, sample],
    commands: ['TYPE', 'ZADD', 'ZMSCORE'],
  },
];
