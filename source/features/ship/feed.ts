import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../errors.ts';
import type { Need } from '../../need.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { registeredPage } from '../../redis/registry.ts';
import { type IndexRound, IndexRounds, Kept, sentencesOf } from '../../redis/round.ts';
import { steadyMoment } from '../../ui/moment.ts';
import type { Feed } from '../feature.ts';
import type { ConsumerStatus } from './channel/channel-state.ts';
import { type ChannelView, type Looks, lookAll } from './channel/status.ts';
import { needsOfChannel } from './needs.ts';
import {
  type ChannelRow,
  type ConsumerRow,
  type Elsewhere,
  learn,
  type Reading,
  type ShipSlice,
  selectedChannel,
} from './state.ts';

/** How many a reading looks at, and where there are more, at how many of all. In Cluster each costs a command of its own. */
const mostChannels = { server: 100, cluster: 4 };
const mostOfRound = { server: 200, cluster: 4 };
/** Of channels in trouble that are looked at in each reading where there are more. */
const mostElsewhere = 50;
/** How often a round goes on, once one is finished. */
const roundEveryMs = 1400;

/** What a round through every channel finds. */
type Totals = {
  readonly troubled: Kept<string>;
  readonly needs: Kept<Need>;
  readonly wrong: Kept<string>;
  more: string[];
};

const rounds = new IndexRounds<Totals>('ship', () => ({
  troubled: new Kept(),
  needs: new Kept(),
  wrong: new Kept(),
  more: [],
}));

/**
 * Everything about the selected channel; of the others how they are and who is missed. Where there are many, each
 * reading looks at those in trouble and at the next part of all, so that all are known, some seconds old.
 */
export const feed: Feed<ShipSlice> = {
  everyMs: 750,
  isWhole: ({ channels, isCounted }) => channels !== undefined && isCounted,
  progress: (redis) => rounds.progress(redis, ({ more }) => more.length),

  async read({ redis }, slice) {
    const kind = isCluster(redis) ? 'cluster' : 'server';
    const { names, total } = await registeredPage(redis, 'ship', mostChannels[kind]);
    const selected = selectedChannel(slice);
    // What was not known a moment ago is looked at right away.
    const channel = selected ?? names[0];
    const round = rounds.of(redis);
    const last = round.last(total);
    const troubled = (last?.troubled.items ?? []).slice(0, mostElsewhere);
    const isMany = total > names.length;
    const wanted = (isMany ? troubled : names).filter((one) => one !== channel);
    const looking =
      isMany && round.isDue(roundEveryMs) ? lookFurther(redis, round, mostOfRound[kind]) : undefined;
    const [shown, others] = await Promise.all([
      channel === undefined ? undefined : lookAll(redis, [channel]),
      lookAll(redis, wanted),
      looking,
    ]);
    const isAll = !isMany && others.more.length === 0;
    if (isAll) rounds.end(redis);
    else if (!isMany) await lookFurther(redis, round, mostOfRound[kind]);
    const nowMs = Date.now();
    const wrong = [...(shown?.faults ?? []), ...others.faults].map(({ error }) => messageOf(error));
    const view = shown?.views[0];
    return (before) => {
      const reading: Reading = {
        channels: [...new Set([...names, ...troubled])],
        total,
        shown: view && rowOf(view, before.shown, nowMs),
        others: others.views.map((each) => elsewhereOf(each, before.elsewhere, nowMs)),
        further: isAll || !last ? [] : last.needs.items,
        furtherUnkept: isAll || !last ? 0 : last.needs.more,
        wrong: [...new Set([...wrong, ...(isAll || !last ? [] : sentencesOf(last.wrong))])],
        isCounted: isAll || last !== undefined,
        at: view?.at ?? 0,
      };
      const { channels } = reading;
      const isSwitched = view && selectedChannel({ ...before, channels }) !== view.channel;
      const after = isSwitched ? { ...before, channels } : learn(before, reading);
      return isDeepStrictEqual(after, before) ? before : after;
    };
  },
};

async function lookFurther(redis: Client, round: IndexRound<Totals>, most: number): Promise<void> {
  const rest = round.totals.more.splice(0, most);
  if (rest.length > 0) {
    take(await lookAll(redis, rest), round.totals);
    return;
  }
  await round.step(most, async (some, totals) => take(await lookAll(redis, some), totals));
}

function take({ views, faults, more }: Looks, totals: Totals): void {
  totals.more.push(...more);
  totals.wrong.add(...faults.map(({ error }) => messageOf(error)));
  const nowMs = Date.now();
  for (const view of views) {
    const needs = needsOfChannel(elsewhereOf(view, [], nowMs));
    if (needs.length === 0) continue;
    totals.troubled.add(view.channel);
    totals.needs.add(...needs);
  }
}

function rowOf(view: ChannelView, before: ChannelRow | undefined, nowMs: number): ChannelRow {
  const { totals, peakBytes } = view;
  return {
    channel: view.channel,
    budgetBytes: view.budgetBytes,
    usedBytes: view.usedBytes,
    peakBytes,
    state: view.state,
    reason: view.reason,
    files: totals.files,
    filesFound: totals.filesFound,
    bytes: totals.bytes,
    bytesFound: totals.bytesFound,
    parts: view.parts.map(({ part, file, bytes, share, finished, missing, aside, state }) => ({
      part,
      file,
      bytes,
      share: share === undefined ? undefined : Math.round(share * 100),
      finished,
      missing,
      aside,
      state,
    })),
    partsInRedis: view.partsInRedis,
    consumers: consumersOf(view, before?.channel === view.channel ? before.consumers : [], nowMs),
  };
}

function elsewhereOf(view: ChannelView, before: readonly Elsewhere[], nowMs: number): Elsewhere {
  const { channel, state, reason } = view;
  const known = before.find((each) => each.channel === channel)?.consumers ?? [];
  return { channel, state, reason, consumers: consumersOf(view, known, nowMs) };
}

function consumersOf(
  { consumers, at }: ChannelView,
  known: readonly ConsumerRow[],
  nowMs: number,
): readonly ConsumerRow[] {
  return consumers.map((consumer) =>
    consumerRow(
      consumer,
      at,
      known.find(({ id }) => id === consumer.id),
      nowMs,
    ),
  );
}

/** Ages are given only for those who are missed, so that nothing is painted while nothing happens. */
function consumerRow(
  { id, lag, aside, seenMs, stalledMs, condition }: ConsumerStatus,
  at: number,
  known: ConsumerRow | undefined,
  nowMs: number,
): ConsumerRow {
  const silentSinceMs =
    stalledMs === null ? undefined : steadyMoment(known?.silentSinceMs, nowMs - (at - (seenMs ?? stalledMs)));
  return { id, lag, aside, state: condition, silentSinceMs };
}
