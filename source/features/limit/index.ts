import { registryKey } from '../../redis/registry.ts';
import { passedOver } from '../../redis/scan.ts';
import { defineFeature } from '../feature.ts';
import { missingHeadline } from '../shards/open-shards.ts';
import { commands, limitJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { listOver } from './spread.ts';
import { byNearness, initial, isFull, type LimitSlice, limitList } from './state.ts';

export default defineFeature<LimitSlice>({
  noun: 'limit',
  summary: 'rate limits: who is near one, who is refused, and for how long',
  spreads: true,
  initial: () => initial,
  feed,
  ticks: ({ meters }) => meters.some(({ resetAtMs }) => resetAtMs !== undefined),
  clocks: ['resetMs'],
  doctor,
  commands,
  roles,
  keys,
  list: limitList,
  isEmpty: ({ meters, wrong, missing = [] }) =>
    meters.length + missing.length + Object.keys(wrong).length === 0,
  needs: needsOf,
  headline(slice) {
    const full = limitList.rows(slice).filter(isFull).length + slice.moreFull;
    return [...missingHeadline(slice.missing), ...(full > 0 ? [`${full} full`] : [])].join('  ');
  },
  async snapshot(context) {
    const { limits, foreign } = await listOver(context);
    const said = passedOver(foreign, 'limits');
    if (said !== undefined) context.warn?.(said);
    return limits.toSorted(byNearness).map(limitJson);
  },
  nothing: {
    words: 'Nothing is limited yet',
    looked: [registryKey('limit')],
    first: 'quarterdeck limit hit SUBJECT --max 100 --per 1m',
  },
  discovery: {
    what: 'limits that other programs count',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./limit-pane.tsx')).LimitPane,
});
