import { conditionOf } from '../../source/features/topic/condition.ts';
import { initial, learn, type TopicFigures, type TopicSlice } from '../../source/features/topic/state.ts';

/** 20 Nov 2026 15:53:07 UTC. */
export const nowMs = Date.UTC(2026, 10, 20, 15, 53, 7);
const day = 86_400_000;

type Figures = TopicFigures['subscribers'][number];

export function subscriber(
  name: string,
  { isShrinking = false, ...figures }: Partial<Figures> & { readonly isShrinking?: boolean } = {},
): Figures {
  const facts = {
    name,
    position: 0,
    lag: 0,
    missed: 0,
    seenMs: nowMs - 400,
    state: 'live',
    oldestAt: null,
    owner: 'web-3:811',
    blocked: null,
    aside: 0,
    ...figures,
  } as const;
  return { ...facts, condition: conditionOf({ ...facts, isShrinking, at: nowMs }) };
}

export function topic(
  name: string,
  subscribers: readonly Figures[],
  figures: Partial<TopicFigures> = {},
): TopicFigures {
  return {
    topic: name,
    layout: 'own',
    at: nowMs,
    lapseMs: 7 * day,
    lastId: 90_000,
    retained: 8114,
    bytes: 1_048_576,
    subscriberCount: subscribers.length,
    subscribers,
    ...figures,
  };
}

export const empty: TopicSlice = initial;

/** The slice after readings in which the lag of `news_importance` grew. */
export function grown(): TopicSlice {
  let slice = empty;
  for (const lag of [900, 1800, 3600, 5000, 6600, 8114]) {
    slice = learn(slice, {
      wrong: [],
      nowMs,
      topics: [
        topic('news', [
          subscriber('news_importance', { position: 90_000 - lag, lag, oldestAt: nowMs - 542_000 }),
          subscriber('sentiment_analysis', { position: 89_988, lag: 12, oldestAt: nowMs - 300 }),
        ]),
        topic('orders', [
          subscriber('audit', {
            position: 48_663,
            lag: 41_337,
            state: 'idle',
            seenMs: nowMs - 2 * day,
            oldestAt: nowMs - 2 * day + 3_600_000,
            owner: 'audit-1:77',
          }),
          subscriber('billing', { position: 90_000 }),
          subscriber('export', { position: 90_000, state: 'idle', seenMs: nowMs - 3_600_000 }),
          subscriber('mailer', {
            position: 89_999,
            lag: 1,
            oldestAt: nowMs - 5000,
            state: 'idle',
            blocked: { id: 90_000, attempts: 6, error: '`./mail.sh` exited with 1' },
          }),
          subscriber('old-report', {
            position: 1200,
            lag: 88_800,
            missed: 47_463,
            state: 'lapsed',
            seenMs: nowMs - 9 * day,
            oldestAt: nowMs - 6 * day,
          }),
        ]),
        topic('ping', [], { lastId: 3, retained: 3, bytes: 400 }),
        topic('pubsub', [subscriber('ours', { position: 10, seenMs: 0, state: 'idle', owner: '' })], {
          layout: 'seed',
          lapseMs: 0,
          lastId: 10,
          retained: 0,
          bytes: 0,
        }),
      ],
    });
  }
  return slice;
}
