import { unreadable } from '../../need.ts';
import { registryKey } from '../../redis/registry.ts';
import { defineFeature } from '../feature.ts';
import { missingHeadline } from '../shards/open-shards.ts';
import { formatStep } from './chart.ts';
import { commands, seriesJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { roles } from './roles.ts';
import { overviewOver } from './spread.ts';
import { type HitsSlice, hitsList, initial } from './state.ts';

export default defineFeature<HitsSlice>({
  noun: 'hits',
  summary: 'hit counters: how often, now and against yesterday',
  spreads: true,
  initial: () => initial,
  feed,
  doctor,
  commands,
  roles,
  keys,
  list: hitsList,
  isEmpty: ({ rows, wrong, missing = [] }) => rows.length === 0 && wrong.length === 0 && missing.length === 0,
  needs: ({ wrong }) => wrong.map(unreadable),
  headline: ({ missing, stepMs }) =>
    [...missingHeadline(missing), `bars of ${formatStep(stepMs)}`].join('  '),
  async snapshot(context) {
    return (await overviewOver(context)).found.map(seriesJson);
  },
  nothing: {
    words: 'Nothing is counted yet',
    looked: [registryKey('hits')],
    first: 'quarterdeck hits add SERIES',
  },
  discovery: {
    what: 'series that other programs count',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./hits-pane.tsx')).HitsPane,
});
