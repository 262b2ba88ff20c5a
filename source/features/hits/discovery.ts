import { registerFound, unregistered } from '../../redis/registry.ts';
import type { Discovery } from '../feature.ts';
import { openShards } from '../shards/open-shards.ts';
import { everywhere, partsOf } from '../shards/shards.ts';
import { discover } from './discover.ts';

/** Plain counters of other programs are not listed by the pane: their keys come and go with each ten seconds. */
export const discovery: Discovery = {
  async find(context, signal) {
    const shards = await openShards(context);
    const look = async (client: typeof context.redis) => {
      const { own, seed, foreign } = await discover(client, signal);
      return { names: await unregistered(client, 'hits', own), seed, foreign };
    };
    const { timeoutMs: deadlineMs } = context.config;
    const { values, missing } = partsOf(await everywhere(shards, look, { deadlineMs, isLong: true }));
    return {
      names: [...new Set(values.flatMap(({ names }) => names))].toSorted(),
      unlisted: [...new Set(values.flatMap(({ seed }) => seed.map(({ series }) => series)))].toSorted(),
      passedOver: values.flatMap(({ foreign }) => foreign),
      missing: missing.map(({ message }) => message),
    };
  },
  async register(context, names) {
    const shards = await openShards(context, { mark: true });
    for (const name of names) await registerFound(shards.clientOf(name), 'hits', [name]);
  },
};
