import { registryKey } from '../../redis/registry.ts';
import { formatShort } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { allPending, commands, pendingJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { needsOf } from './needs.ts';
import { roles } from './roles.ts';
import { type BufferSlice, bufferList, initialSlice } from './state.ts';

export default defineFeature<BufferSlice>({
  noun: 'buffer',
  summary: 'counts that wait in Redis until a flush writes them to SQL, each exactly once',
  initial: () => initialSlice,
  feed,
  commands,
  roles,
  keys,
  list: bufferList,
  headline({ types }) {
    const total = types.reduce((sum, row) => sum + row.total, 0);
    const failing = types.filter((row) => row.failure).length;
    const sum = total > 0 ? [`+${formatShort(total)}`] : [];
    return [...sum, ...(failing > 0 ? [`${failing} failing`] : [])].join('  ');
  },
  needs: needsOf,
  ticks: ({ types }) =>
    types.some(({ oldestAtMs, failure }) => oldestAtMs !== undefined || failure?.retryAtMs !== undefined),
  async snapshot({ redis, warn }) {
    return (await allPending(redis, [], warn)).map(pendingJson);
  },
  clocks: ['oldestAgeMs'],
  doctor,
  nothing: {
    words: 'Nothing is buffered yet',
    looked: [registryKey('buffer')],
    first: 'quarterdeck buffer incr TYPE ID',
  },
  discovery: {
    what: 'buffers that only other programs fill',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./buffer-pane.tsx')).BufferPane,
});
