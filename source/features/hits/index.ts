import { defineFeature } from '../feature.ts';
import { commands, seriesJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { overview, seriesNames } from './read.ts';
import { type HitsSlice, initial, shown } from './state.ts';

export default defineFeature<HitsSlice>({
  noun: 'hits',
  summary: 'Hit counters: how often, now and against yesterday',
  initial: () => initial,
  feed,
  doctor,
  commands,
  keys,
  headline(slice) {
    return slice.filter === '' ? '' : `/${slice.filter} ${shown(slice).length}`;
  },
  async snapshot({ redis }) {
    return (await overview(redis, (await seriesNames(redis)).toSorted())).map(seriesJson);
  },
  pane: async () => (await import('./hits-pane.tsx')).HitsPane,
});
