import { compareNames } from '../../compare-names.ts';
import type { Need } from '../../need.ts';
import { counted, formatCount } from '../../ui/format.ts';
import { initialList, type List, type ListState } from '../../ui/list.ts';
import { sinceMs, steadyMoment } from '../../ui/moment.ts';
import { type Condition, nobody } from './condition.ts';
import type { Blocked, TopicStatus } from './layout.ts';

/** What the console knows of topics, and which subscriber the operator looks at. */
export type TopicSlice = {
  /** False until the first reading: nobody knows yet that there is none. */
  readonly isRead: boolean;
  /** By name. */
  readonly topics: readonly Topic[];
  /** Sentences about topics that cannot be shown. */
  readonly wrong: readonly string[];
  /** How many there are of everything; undefined where `topics` are all. */
  readonly totals: Totals | undefined;
  /** What needs a human of subscribers that are not among `topics`. */
  readonly elsewhere: readonly Need[];
  readonly list: ListState;
};

export type Topic = {
  readonly topic: string;
  readonly layout: 'own' | 'seed';
  readonly lastId: number;
  readonly retained: number;
  /** Null where the server may not be asked for it. */
  readonly bytes: number | null;
  readonly subscriberCount: number;
  /** The slowest, by name. */
  readonly subscribers: readonly Subscriber[];
};

export type Subscriber = {
  readonly name: string;
  readonly condition: Condition;
  readonly position: number;
  readonly lag: number;
  /** The lag at the last readings, oldest first. */
  readonly lags: readonly number[];
  /** How many messages retention removed before it saw them. */
  readonly missed: number;
  /** Epoch ms of the oldest message it has not done; undefined when nothing waits, or nobody knows. */
  readonly oldestAtMs: number | undefined;
  /** Epoch ms since when nothing was heard of it; undefined while it is live, 0 when it never was. */
  readonly silentSinceMs: number | undefined;
  /** Whole days of that silence. */
  readonly silentDays: number;
  /** Epoch ms until when messages are kept for it although it is silent; undefined: without end, or not at all. */
  readonly keptUntilMs: number | undefined;
  readonly owner: string;
  readonly blocked: Blocked | undefined;
  /** How many messages were set aside for it. */
  readonly aside: number;
};

/** What a reading tells of a topic. */
export type TopicFigures = Omit<TopicStatus, 'floor'>;

/** What a look at every topic counts, where not all of them are shown. */
export type Totals = { readonly topics: number; readonly subscribers: number; readonly isCounted: boolean };

export type Reading = {
  readonly topics: readonly TopicFigures[];
  readonly wrong: readonly string[];
  /** Of this console's clock, when the figures came. */
  readonly nowMs: number;
  /** Undefined where `topics` are all there are. */
  readonly totals?: Totals | undefined;
  /** What needs a human of subscribers that are not among `topics`. */
  readonly elsewhere?: readonly Need[];
};

/** A line of the pane: a subscriber, or a topic that has none. */
export type Line = { readonly topic: Topic; readonly subscriber: Subscriber | undefined };

const mostLags = 24;

export const initial: TopicSlice = {
  isRead: false,
  topics: [],
  wrong: [],
  totals: undefined,
  elsewhere: [],
  list: initialList,
};

/** The slice after a reading. */
export function learn(
  slice: TopicSlice,
  { topics: figures, wrong, nowMs, totals, elsewhere = [] }: Reading,
): TopicSlice {
  const known = new Map(
    slice.topics.flatMap((topic) =>
      topic.subscribers.map((each) => [keyOf(topic.layout, topic.topic, each.name), each] as const),
    ),
  );
  const topics = figures.map(
    ({ at, lapseMs, subscribers, topic, layout, lastId, retained, bytes, subscriberCount }) => {
      const own = { topic, layout, lastId, retained, bytes, subscriberCount };
      return {
        ...own,
        subscribers: subscribers.map((each): Subscriber => {
          const before = known.get(keyOf(layout, topic, each.name));
          const lags = follow(before?.lags ?? [], each.lag);
          const waitedMs =
            each.oldestAt === null || each.lag === 0 ? undefined : Math.max(0, at - each.oldestAt);
          const isLive = each.state === 'live';
          const holdsBack = !isLive && each.state !== 'lapsed' && each.lag > each.missed && lapseMs > 0;
          return {
            name: each.name,
            condition: each.condition,
            position: each.position,
            lag: each.lag,
            lags,
            missed: each.missed,
            oldestAtMs:
              waitedMs === undefined ? undefined : steadyMoment(before?.oldestAtMs, nowMs - waitedMs),
            silentSinceMs: isLive ? undefined : each.seenMs,
            silentDays: isLive ? 0 : Math.floor((at - each.seenMs) / 86_400_000),
            keptUntilMs: holdsBack ? each.seenMs + lapseMs : undefined,
            owner: each.owner,
            blocked: each.blocked ?? undefined,
            aside: each.aside,
          };
        }),
      };
    },
  );
  return { ...slice, isRead: true, topics, wrong, totals, elsewhere };
}

/** A lag that stays the same leaves the list as it is, so that nothing is painted anew. */
function follow(lags: readonly number[], lag: number): readonly number[] {
  if (lags.length > 0 && lags.every((each) => each === lag)) return lags;
  return [...lags, lag].slice(-mostLags);
}

/** Whether the lag grows (1), shrinks (-1) or neither. */
export function trend({ lags, lag }: Subscriber): number {
  const before = lags[Math.max(0, lags.length - 6)] ?? lag;
  return Math.sign(lag - before);
}

/** Those that need somebody first, each group by name. */
function linesOf({ topics }: TopicSlice): readonly Line[] {
  const lines = topics.flatMap((topic): Line[] =>
    topic.subscribers.length === 0
      ? [{ topic, subscriber: undefined }]
      : topic.subscribers.map((subscriber) => ({ topic, subscriber })),
  );
  return lines
    .map((line) => ({ line, urgency: urgencyOf(line) }))
    .sort((a, b) => b.urgency - a.urgency || byName(a.line, b.line))
    .map(({ line }) => line);
}

function byName(a: Line, b: Line): number {
  const [topic, subscriber] = [a.topic.topic, a.subscriber?.name ?? ''];
  return compareNames(topic, b.topic.topic) || compareNames(subscriber, b.subscriber?.name ?? '');
}

const urgencies: Readonly<Record<Condition, number>> = {
  dead: 5,
  blocked: 5,
  overloaded: 4,
  lapsed: 3,
  'catching-up': 2,
  live: 1,
  idle: 1,
};

function urgencyOf({ subscriber }: Line): number {
  return subscriber ? urgencies[subscriber.condition] : 0;
}

export function keyOf(layout: string, topic: string, subscriber: string | undefined): string {
  return JSON.stringify([layout, topic, subscriber ?? null]);
}

export const topicList: List<TopicSlice, Line> = {
  rows: linesOf,
  id: ({ topic, subscriber }) => keyOf(topic.layout, topic.topic, subscriber?.name),
  name: ({ topic, subscriber }) => (subscriber ? `${topic.topic}/${subscriber.name}` : topic.topic),
  texts: ({ topic, subscriber }) => [topic.topic, subscriber?.name ?? '', subscriber?.owner ?? ''],
  part: ({ totals, topics }) =>
    totals &&
    `the slowest subscribers of ${formatCount(topics.length)} of ${counted(totals.topics, 'topic')}`,
  ties: ({ topic, subscriber }) => [topic.topic, subscriber?.name ?? '', subscriber?.owner ?? ''],
  total: ({ totals, topics }) =>
    totals &&
    Math.max(
      totals.subscribers,
      topics.reduce((sum, { subscribers }) => sum + subscribers.length, 0),
    ),
  columns: ['state', 'topic', 'subscriber', 'lag', 'oldest', 'trend'],
  units: { oldest: 'ms' },
  fields: {
    state: ({ subscriber }) => subscriber?.condition ?? nobody,
    topic: ({ topic }) => topic.topic,
    subscriber: ({ subscriber }) => subscriber?.name,
    lag: ({ subscriber }) => subscriber?.lag,
    oldest: ({ subscriber }, nowMs) =>
      subscriber?.oldestAtMs === undefined ? undefined : sinceMs(subscriber.oldestAtMs, nowMs),
    missed: ({ subscriber }) => subscriber?.missed,
    aside: ({ subscriber }) => subscriber?.aside,
    owner: ({ subscriber }) => subscriber?.owner,
  },
};

export function total(slice: TopicSlice, figure: 'retained' | 'bytes'): number {
  return slice.topics.reduce((sum, topic) => sum + (topic[figure] ?? 0), 0);
}
