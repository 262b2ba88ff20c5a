import { defineFeature } from '../feature.ts';
import { commands } from './commands.ts';
import { feed } from './feed.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { initial, type ShardsSlice, shardsList } from './state.ts';
import { status } from './status.ts';

export default defineFeature<ShardsSlice>({
  noun: 'shards',
  summary: 'the servers themselves: roles, memory, load, and where a key lives',
  spreads: true,
  initial: () => initial,
  feed,
  commands,
  roles,
  keys: [],
  list: shardsList,
  headline({ servers }) {
    const down = servers.filter(({ state }) => state === 'down').length;
    if (servers.length === 0) return '';
    const all = servers.length === 1 ? '1 server' : `${servers.length} servers`;
    return down === 0 ? all : `${all}  ${down} DOWN`;
  },
  needs: needsOf,
  snapshot: ({ connections }) => status(connections),
  pane: async () => (await import('./shards-pane.tsx')).ShardsPane,
});
