import { defineFeature } from '../feature.ts';
import { missingHeadline } from '../shards/open-shards.ts';
import { commands, seriesJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { overviewOver } from './spread.ts';
import { type HitsSlice, initial, shown } from './state.ts';

export default defineFeature<HitsSlice>({
  noun: 'hits',
  summary: 'hit counters: how often, now and against yesterday',
  spreads: true,
  initial: () => initial,
  feed,
  doctor,
  commands,
  keys,
  headline(slice) {
    const filter = slice.filter === '' ? [] : [`/${slice.filter} ${shown(slice).length}`];
    return [...missingHeadline(slice.missing), ...filter].join('  ');
  },
  async snapshot(context) {
    return (await overviewOver(context)).found.map(seriesJson);
  },
  pane: async () => (await import('./hits-pane.tsx')).HitsPane,
});
