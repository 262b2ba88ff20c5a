import { Box, renderToString } from 'ink';
import { beforeAll, describe, expect, test } from 'vitest';
import feature from '../../source/features/topic/index.ts';
import { learn, move, type TopicSlice } from '../../source/features/topic/state.ts';
import { TopicPane } from '../../source/features/topic/topic-pane.tsx';
import { width } from '../../source/ui/text.ts';
import { type PaneLook, paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';
import { empty, grown, nowMs, subscriber, topic } from './slices.ts';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

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

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    expect(paint(slice, columns, rows, { note: paneNotes[note] })).toMatchSnapshot();
  });

  test('zoomed', () => {
    expect(paint(move(live, 1), columns, rows, { zoomed: true })).toMatchSnapshot();
  });
});

test('dead and overloaded are different words, and say which way it goes', () => {
  const frame = paint(live, 120, 20);
  expect(frame).toMatch(/news_importance .* 8,114 +9m02s +OVERLOADED ▲/);
  expect(frame).toMatch(/audit .* 41,337 +1d23h +DEAD 18 Nov/);
  expect(frame).toMatch(/export .* 0 +– +idle/);
  expect(frame).toMatch(/mailer .* 1 +5.0s +BLOCKED at 90000/);
  expect(frame).toMatch(/old-report .* 88,800 .* LAPSED 11 Nov, lost 47.5k/);
  expect(frame).toContain('kept for audit until 25 Nov');
});

test('what the operator filters and selects stays what is painted', () => {
  const filtered = { ...live, filter: 'AUDIT' };
  const frame = paint(filtered, 80, 10);
  expect(frame).toContain('audit');
  expect(frame).not.toContain('billing');
  expect(frame).toContain('/AUDIT');
  expect(paint({ ...live, filter: 'nothing' }, 80, 10)).toContain('Nothing matches nothing');
});

test('any size down to nothing is painted within its bounds', () => {
  for (let columns = 1; columns <= 120; columns += 7) {
    for (const rows of [1, 2, 3, 5, 8, 30]) {
      const frame = renderToString(
        <Box width={columns} height={rows} overflow="hidden">
          <TopicPane
            slice={live}
            columns={columns}
            rows={rows}
            focused={false}
            zoomed={rows === 30}
            nowMs={nowMs}
          />
        </Box>,
        { columns },
      );
      const lines = frame.split('\n');
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
    }
  }
});

test('names written by strangers move nothing', () => {
  const evil = 'x\u001b[2J\u001b]52;c;aGk=\u0007\nforged ‮evil';
  const error = { id: 1, attempts: 1, error: evil };
  const topics = [topic(evil, [subscriber(evil, { lag: 1, owner: evil, blocked: error, oldestAt: 1 })])];
  const slice = learn(empty, { topics, wrong: [evil], nowMs, elsewhere: [evil] });
  paint(slice, 80, 24, { zoomed: true });
  paint({ ...slice, filter: evil }, 40, 10);
});
