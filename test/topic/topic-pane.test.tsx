import { beforeAll, describe, expect, test } from 'vitest';
import feature from '../../source/features/topic/index.ts';
import { learn, type TopicSlice, topicList } from '../../source/features/topic/state.ts';
import { TopicPane } from '../../source/features/topic/topic-pane.tsx';
import { looking } from '../helpers/list.ts';
import { type PaneLook, paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';
import { empty, grown, nowMs, subscriber, topic } from './slices.ts';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const { move, filterBy, open } = looking(topicList, nowMs);

const paint = (slice: TopicSlice, columns: number, rows: number, look: Partial<PaneLook<TopicSlice>> = {}) =>
  paintPane({ feature, pane: TopicPane, slice, columns, rows, nowMs, ...look });

const live = grown();
const states: readonly (readonly [string, TopicSlice, keyof typeof paneNotes])[] = [
  ['before data', empty, 'waiting'],
  ['no topics', learn(empty, { topics: [], wrong: [], nowMs }), 'live'],
  ['live', live, 'live'],
  ['stale', live, 'stale'],
  ['failed', live, 'failed'],
];

test('that there are no topics is said only once they were read', () => {
  expect(paint(empty, 60, 8)).toMatch('Not read yet');
  expect(paint(empty, 60, 8)).not.toMatch('No topic');
  expect(paint(learn(empty, { topics: [], wrong: [], nowMs }), 60, 8)).toMatch(
    'No topic that Quarterdeck knows of',
  );
});

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    expect(paint(slice, columns, rows, { note: paneNotes[note] })).toMatchSnapshot();
  });

  test('zoomed', () => {
    expect(paint(open(move(live, 1)), columns, rows, { zoomed: true })).toMatchSnapshot();
  });
});

test('dead and overloaded are different words, and say which way it goes', () => {
  const frame = paint(live, 120, 20);
  expect(frame).toMatch(/OVERLOADED ▲ .*news_importance .* 8,114 +9m02s/);
  expect(frame).toMatch(/DEAD 18 Nov .*audit .* 41,337 +1d23h/);
  expect(frame).toMatch(/idle .*export .* 0 +–/);
  expect(frame).toMatch(/BLOCKED at 90000 .*mailer .* 1 +5.0s/);
  expect(frame).toMatch(/LAPSED 11 Nov, lost 47.5k .*old-report .* 88,800/);
  expect(frame).toContain('kept for audit until 25 Nov');
});

test('what the operator filters and selects stays what is painted', () => {
  const filtered = filterBy(live, 'AUDIT');
  const frame = paint(filtered, 80, 10);
  expect(frame).toContain('audit');
  expect(frame).not.toContain('billing');
  expect(frame).toContain('/AUDIT 1 of 9');
  expect(paint(filterBy(live, 'nothing at all'), 80, 10)).toContain('Nothing matches nothing at all');
});

test('any size is painted within its bounds', () => {
  for (let columns = 8; columns <= 120; columns += 7) {
    for (const rows of [3, 5, 8, 30]) {
      for (const slice of [live, open(live), open(live, 'full')]) paint(slice, columns, rows);
    }
  }
});

test('names written by strangers move nothing', () => {
  const evil = 'x\u001b[2J\u001b]52;c;aGk=\u0007\nforged ‮evil';
  const error = { id: 1, attempts: 1, error: evil };
  const topics = [topic(evil, [subscriber(evil, { lag: 1, owner: evil, blocked: error, oldestAt: 1 })])];
  const slice = learn(empty, {
    topics,
    wrong: [evil],
    nowMs,
    elsewhere: [{ kind: 'dead', name: evil, severity: 'bad', words: evil }],
  });
  paint(slice, 80, 24, { zoomed: true });
  paint(filterBy(slice, evil), 40, 10);
  paint(open(slice), 80, 24);
});
