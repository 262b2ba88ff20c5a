import { registeredPage } from '../../redis/registry.ts';
import { IndexRounds, Kept } from '../../redis/round.ts';
import type { Feed } from '../feature.ts';
import { isOwnType } from './keys.ts';
import { type Foreign, glance, type Pending } from './pending.ts';
import { type BufferSlice, isTroubled, learn } from './state.ts';

const mostTypes = 50;
const mostOfRound = 200;

/** Names of the types that need somebody, as a round through all of them found. */
const rounds = new IndexRounds<Kept<string>>('buffer', () => new Kept());

/**
 * Three commands for each reading, however many types there are (in Cluster one for each type). Where there are more
 * than are shown, also a look at the next of them, so that those in trouble are shown too.
 */
export const feed: Feed<BufferSlice> = {
  everyMs: 2000,
  isWhole: ({ total, types, isWhole }) => total !== undefined && (types.length >= total || isWhole),
  progress: (redis) => rounds.progress(redis),
  async read({ redis }) {
    const { names, total } = await registeredPage(redis, 'buffer', mostTypes);
    const round = total > names.length ? rounds.of(redis) : undefined;
    if (!round) rounds.end(redis);
    // What this reading's look finishes is shown by the next one, which has those in trouble as well.
    const last = round?.last(total);
    const elsewhere = (last?.items ?? []).filter((type) => !names.includes(type));
    const own = [...names, ...elsewhere.slice(0, mostTypes)].filter((type) => isOwnType(type, redis));
    const [readings] = await Promise.all([
      glance(redis, own),
      round?.step(mostOfRound, async (some, totals) => {
        const found: (Pending | Foreign)[] = await glance(
          redis,
          some.filter((type) => isOwnType(type, redis)),
        );
        totals.add(...found.filter(isTroubled).map(({ type }) => type));
      }),
    ]);
    const others = names.filter((name) => !isOwnType(name, redis)).length;
    const nowMs = Date.now();
    const about = {
      total: total - others,
      isWhole: round === undefined || last !== undefined,
      moreTroubled: last?.leftOut(readings.filter(isTroubled).length) ?? 0,
    };
    return (slice) => learn(slice, readings, nowMs, about);
  },
};
