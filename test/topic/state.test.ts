import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import type { Condition } from '../../source/features/topic/condition.ts';
import { keys } from '../../source/features/topic/key-bindings.ts';
import { needsOf } from '../../source/features/topic/needs.ts';
import { learn, type TopicFigures, type TopicSlice, topicList } from '../../source/features/topic/state.ts';
import { needSentence } from '../../source/need.ts';
import { looking } from '../helpers/list.ts';
import { empty, grown, nowMs, subscriber, topic } from './slices.ts';

const { move, chosen } = looking(topicList, nowMs);

type Figures = Parameters<typeof subscriber>[1];

const conditionOf = (figures: Figures): Condition => subscriber('s', figures).condition;
const late = nowMs - 60_000;

test.each<[Condition, Figures]>([
  ['live', { lag: 0 }],
  ['live', { lag: 5000, oldestAt: nowMs - 1000 }],
  ['live', { lag: 5000, oldestAt: null }],
  ['overloaded', { lag: 1, oldestAt: late }],
  ['catching-up', { lag: 1, oldestAt: late, isShrinking: true }],
  ['idle', { state: 'idle', seenMs: 0 }],
  ['idle', { state: 'idle', lag: 4, seenMs: 0, oldestAt: late }],
  ['idle', { state: 'idle', lag: 4, seenMs: nowMs - 10_000, oldestAt: late }],
  ['dead', { state: 'idle', lag: 4, seenMs: nowMs - 40_000, oldestAt: late }],
  ['lapsed', { state: 'lapsed', lag: 4 }],
  ['blocked', { lag: 4, blocked: { id: 9, attempts: 1, error: 'x' } }],
])('%s: %j', (condition, figures) => {
  expect(conditionOf(figures)).toBe(condition);
});

test('a subscriber lapses and recovers', () => {
  expect(
    [
      conditionOf({ lag: 0 }),
      conditionOf({ lag: 3, state: 'idle', seenMs: nowMs - 40_000, oldestAt: late }),
      conditionOf({ lag: 3, missed: 3, state: 'lapsed' }),
      conditionOf({ lag: 3, missed: 3, oldestAt: null }),
      conditionOf({ lag: 0 }),
    ].join(' → '),
  ).toBe('live → dead → lapsed → live → live');
});

const read = (slice: TopicSlice, topics: readonly TopicFigures[]): TopicSlice =>
  learn(slice, { topics, wrong: [], nowMs });

test('a reading that tells nothing new changes nothing', () => {
  const figures = [
    topic('t', [subscriber('s', { lag: 3, state: 'idle', seenMs: nowMs - 7_200_000, oldestAt: late })]),
  ];
  let slice = read(empty, figures);
  slice = read(slice, figures);
  expect(isDeepStrictEqual(read(slice, figures), slice)).toBe(true);
});

test('the slice survives JSON', () => {
  const slice = move(grown(), 2);
  expect(JSON.parse(JSON.stringify(slice))).toEqual(JSON.parse(JSON.stringify(slice)));
  expect(read(JSON.parse(JSON.stringify(slice)) as TopicSlice, [])).toMatchObject({ topics: [] });
});

test('the selection stays with its subscriber when others come and go', () => {
  let slice = move(grown(), 0);
  expect(chosen(slice)?.subscriber?.name).toBe('audit');
  slice = read(slice, [topic('a', [subscriber('new')]), topic('orders', [subscriber('audit')])]);
  expect(chosen(slice)?.subscriber?.name).toBe('audit');
  slice = read(slice, [topic('a', [subscriber('new')])]);
  expect(chosen(slice)?.subscriber?.name).toBe('new');
  expect(chosen(move(slice, -5))?.subscriber?.name).toBe('new');
  expect(chosen(move(empty, 1))).toBeUndefined();
});

test('needs name who needs a human, and nobody else', () => {
  expect(needsOf(grown()).map(needSentence)).toEqual([
    'news/news_importance OVERLOADED, 8,114 behind',
    'orders/audit DEAD, 41,337 wait',
    'orders/mailer BLOCKED at 90000, 1 wait',
    'orders/old-report LAPSED, lost 47.5k',
  ]);
  expect(needsOf(empty)).toEqual([]);
});

test('dropping is about the selected one, and is refused where there is nobody', () => {
  const drop = keys.find(({ verb }) => verb === 'drop');
  const slice = grown();
  expect(drop?.refuse?.(slice)).toBeUndefined();
  expect(drop?.input?.(slice, '')).toEqual({ topic: 'orders', subscriber: 'audit', layout: 'own' });
  expect(drop?.refuse?.(empty)).toMatch(/no topic yet/);
  expect(drop?.refuse?.(move(grown(), 8))).toBe('Nobody is subscribed to ping');
});

test('a lone dash is published, not taken for stdin', () => {
  const publish = keys.find(({ verb }) => verb === 'publish');
  expect(publish?.input?.(grown(), '-')).toEqual({ topic: 'orders', layout: 'own', messages: ['- '] });
});
