import { isDeepStrictEqual } from 'node:util';
import { atMost, type Need } from '../../need.ts';
import { Allowance, mostOfReading } from '../../redis/allowance.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { registeredPage } from '../../redis/registry.ts';
import { type IndexRound, IndexRounds, Kept, sentencesOf } from '../../redis/round.ts';
import type { Feed } from '../feature.ts';
import { type Inspection, isThere, type SubscriberStatus, type TopicStatus } from './layout.ts';
import { needsOfSubscriber } from './needs.ts';
import { inspectPage, inspectTopics } from './own-layout/own-layout.ts';
import { unreadableText } from './replies.ts';
import { learn, type TopicSlice } from './state.ts';
import { inspectLegacy } from './topic.ts';

/** How many a reading shows, and how many more it looks at for the totals. In Cluster each costs a command of its own. */
const mostTopics = { server: 100, cluster: 8 };
const mostOfRound = { server: 250, cluster: 8 };
const mostSubscribers = 50;
const subscribersOfRound = 500;
/** Of topics and of needs that are not shown otherwise. */
const mostElsewhere = 50;

type Trouble = { readonly topic: string; readonly name: string; readonly needs: readonly Need[] };

/** What a round through every topic counts. */
type Totals = {
  subscribers: number;
  readonly trouble: Kept<Trouble>;
  readonly wrong: Kept<string>;
  /** Topics with more than a look takes in, and the subscriber with whom the next look begins. */
  more: { readonly topic: string; readonly first: number }[];
};

const rounds = new IndexRounds<Totals>('topic', () => ({
  subscribers: 0,
  trouble: new Kept(),
  wrong: new Kept(),
  more: [],
}));

/**
 * The topics used last, with their slowest subscribers. Where there are more, each reading also looks at the next part
 * of them, so that the totals and the trouble of all are known, some seconds old.
 */
export const feed: Feed<TopicSlice> = {
  everyMs: 1000,
  isWhole: ({ totals }) => totals === undefined || totals.isCounted,
  progress: (redis) => rounds.progress(redis, ({ more }) => more.length),
  async read({ redis }) {
    const kind = isCluster(redis) ? 'cluster' : 'server';
    const { names, total } = await registeredPage(redis, 'topic', mostTopics[kind]);
    const round = rounds.of(redis);
    // What this reading's look finishes is shown by the next one, which has those in trouble as well.
    const last = round.last(total);
    const troubled = last?.trouble.items ?? [];
    const wanted = new Set([...names, ...troubled.slice(0, mostElsewhere).map(({ topic }) => topic)]);
    const looking = total > names.length ? lookFurther(redis, round, mostOfRound[kind]) : undefined;
    const [own, legacy] = await Promise.all([
      inspectTopics(redis, [...wanted], mostSubscribers, new Allowance(mostOfReading)),
      inspectLegacy(redis, mostSubscribers, new Allowance(mostOfReading)),
      looking,
    ]);
    // One that was in trouble may be gone by now.
    const found = [...own.topics.filter(isThere).sort(byTopic), ...legacy.topics];
    // A topic with more subscribers than are shown is looked at further even if there is no other.
    const isAll =
      total <= names.length &&
      own.rest.length === 0 &&
      found.every((each) => each.subscribers.length >= each.subscriberCount);
    if (isAll) rounds.end(redis);
    else if (!looking) await lookFurther(redis, round, mostOfRound[kind]);
    const unreadable = [...own.unreadable, ...legacy.unreadable].map(unreadableText);
    const reading = {
      topics: found,
      wrong: [...new Set([...unreadable, ...(isAll || !last ? [] : sentencesOf(last.wrong))])],
      nowMs: Date.now(),
      totals: isAll ? undefined : totalsOf(found, total, last),
      elsewhere: isAll ? [] : elsewhere(found, last?.trouble),
    };
    return (slice) => {
      const next = learn(slice, reading);
      return isDeepStrictEqual(next, slice) ? slice : next;
    };
  },
};

function byTopic(one: TopicStatus, other: TopicStatus): number {
  return one.topic < other.topic ? -1 : 1;
}

function totalsOf(found: Inspection['topics'], total: number, last: Totals | undefined) {
  const subscribers = found.reduce((sum, { subscriberCount }) => sum + subscriberCount, 0);
  return {
    topics: Math.max(total, found.length),
    subscribers: last?.subscribers ?? subscribers,
    isCounted: last !== undefined,
  };
}

/** One command more: the next topics of the round, or the next subscribers of one that has very many. */
async function lookFurther(redis: Client, round: IndexRound<Totals>, most: number): Promise<void> {
  const next = round.totals.more.pop();
  if (next) {
    const page = await inspectPage(redis, [next.topic], { first: next.first, most: subscribersOfRound });
    if (next.first === 0) count(page, round.totals);
    take(page, round.totals, next.first);
    return;
  }
  await round.step(most, async (names, totals) => {
    const look = { most: mostSubscribers };
    const pages = isCluster(redis)
      ? await Promise.all(names.map((name) => inspectPage(redis, [name], look)))
      : [await inspectPage(redis, names, look)];
    for (const page of pages) {
      count(page, totals);
      take(page, totals, 0);
    }
  });
}

function count({ topics }: Inspection, totals: Totals): void {
  totals.subscribers += topics.reduce((sum, { subscriberCount }) => sum + subscriberCount, 0);
}

function take({ topics, unreadable, rest }: Inspection, totals: Totals, first: number): void {
  totals.more.push(...rest.map((topic) => ({ topic, first: 0 })));
  totals.wrong.add(...unreadable.map(unreadableText));
  for (const { topic, layout, subscribers, subscriberCount } of topics) {
    for (const each of subscribers) {
      const needs = needsOfSubscriber(topic, layout, each);
      if (needs.length > 0) totals.trouble.add({ topic, name: each.name, needs });
    }
    const after = first + subscribers.length;
    if (after < subscriberCount && subscribers.length > 0) totals.more.push({ topic, first: after });
  }
}

/** The trouble of those that are not among the ones shown. */
function elsewhere(found: Inspection['topics'], trouble: Kept<Trouble> = new Kept()): readonly Need[] {
  const shown = new Map(found.map(({ topic, subscribers }) => [topic, namesOf(subscribers)]));
  const others = trouble.items.filter(({ topic, name }) => !shown.get(topic)?.has(name));
  const troubled = found.flatMap(({ topic, layout, subscribers }) =>
    subscribers.filter((each) => needsOfSubscriber(topic, layout, each).length > 0),
  );
  return atMost(
    others.flatMap((each) => each.needs),
    mostElsewhere,
    'other subscribers',
    trouble.leftOut(troubled.length + others.length),
  );
}

function namesOf(subscribers: readonly SubscriberStatus[]): ReadonlySet<string> {
  return new Set(subscribers.map(({ name }) => name));
}
