import { atMost, type Need } from '../../need.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { registeredPage } from '../../redis/registry.ts';
import { type IndexRound, IndexRounds, Kept, sentencesOf } from '../../redis/round.ts';
import type { Feed } from '../feature.ts';
import { needOf } from './needs.ts';
import { learn, type SyncSlice, syncList, type Target } from './state.ts';
import { type Inspection, inspect, type Place, wholly } from './status.ts';

/** How many channels a reading shows, and how many more it looks at. In Cluster each costs two commands of its own. */
const mostChannels = { server: 100, cluster: 4 };
const mostOfRound = { server: 200, cluster: 4 };
/** Of channels in trouble that are shown although others were used later. */
const mostElsewhere = 50;

/** What a round through every channel counts. */
type Totals = {
  targets: number;
  readonly trouble: Kept<{ readonly channel: string; readonly row: string; readonly need: Need }>;
  readonly wrong: Kept<string>;
  /** What a reply did not hold any more. */
  more: Place[];
};

const rounds = new IndexRounds<Totals>('sync', () => ({
  targets: 0,
  trouble: new Kept(),
  wrong: new Kept(),
  more: [],
}));

/**
 * The channels used last: some four commands, however many there are. Where there is more than that shows, each reading
 * also looks at the next part of all, so that every target is counted and those in trouble are known, some seconds old.
 */
export const feed: Feed<SyncSlice> = {
  everyMs: 2000,
  isWhole: ({ targets, totals }) => targets !== undefined && (!totals || totals.targets !== undefined),
  progress: (redis) => rounds.progress(redis, ({ more }) => more.length),
  async read({ redis }) {
    const kind = isCluster(redis) ? 'cluster' : 'server';
    const { names, total } = await registeredPage(redis, 'sync', mostChannels[kind]);
    const round = rounds.of(redis);
    // What this reading's look finishes is shown by the next one, which has those in trouble as well.
    const last = round.last(total);
    const troubled = new Set(
      last?.trouble.items.map(({ channel }) => channel).filter((one) => !names.includes(one)),
    );
    const wanted = [...names, ...[...troubled].slice(0, mostElsewhere)].sort();
    const looking = total > names.length ? lookFurther(redis, round, mostOfRound[kind]) : undefined;
    const [found] = await Promise.all([inspect(redis, wanted.map(wholly)), looking]);
    // The targets of the channels shown may be more than one reply holds.
    const isAll = total <= names.length && found.more.length === 0;
    if (isAll) rounds.end(redis);
    else if (!looking) await lookFurther(redis, round, mostOfRound[kind]);
    const rows = new Set(found.targets.map(syncList.id));
    const elsewhere = isAll || !last ? [] : last.trouble.items.filter(({ row }) => !rows.has(row));
    const wrong = [
      ...found.faults.map(({ message }) => message),
      ...(isAll || !last ? [] : sentencesOf(last.wrong)),
    ];
    const reading = {
      targets: found.targets.toSorted(byName),
      wrong: [...new Set(wrong)],
      totals: isAll ? undefined : { channels: total, targets: last?.targets },
      elsewhere: atMost(
        elsewhere.map(({ need }) => need),
        mostElsewhere,
        'other targets',
        isAll ? 0 : last?.trouble.leftOut(found.targets.filter(needOf).length + elsewhere.length),
      ),
    };
    return (slice) => learn(slice, reading);
  },
};

/** One look more: at what the last reply of this round did not hold, or at the next channels. */
async function lookFurther(redis: Client, round: IndexRound<Totals>, most: number): Promise<void> {
  const rest = round.totals.more.splice(0, most);
  if (rest.length > 0) {
    take(await inspect(redis, rest), round.totals);
    return;
  }
  await round.step(most, async (channels, totals) =>
    take(await inspect(redis, channels.map(wholly)), totals),
  );
}

function take({ targets, faults, more }: Inspection, totals: Totals): void {
  totals.targets += targets.length;
  totals.wrong.add(...faults.map(({ message }) => message));
  totals.more.push(...more);
  for (const target of targets) {
    const need = needOf(target);
    if (need) totals.trouble.add({ channel: target.channel, row: syncList.id(target), need });
  }
}

function byName(one: Target, other: Target): number {
  const [a, b] = [syncList.id(one), syncList.id(other)];
  return a < b ? -1 : 1;
}
