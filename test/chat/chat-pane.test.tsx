import { beforeAll, describe, expect, test } from 'vitest';
import { ChatPane } from '../../source/features/chat/chat-pane.tsx';
import feature from '../../source/features/chat/index.ts';
import { type ChatSlice, chatList, hear, initial } from '../../source/features/chat/state.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';
import { live, say, withMessages } from './slices.ts';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const { move, filterBy } = looking(chatList);

const paint = (slice: ChatSlice, columns: number, rows: number, typing?: { text: string; cursor: number }) =>
  paintPane({ feature, pane: ChatPane, slice, columns, rows, typing });

const states: readonly (readonly [string, ChatSlice, keyof typeof paneNotes])[] = [
  ['before data', initial('oncall'), 'waiting'],
  ['live', live, 'live'],
  ['stale', live, 'stale'],
  ['failed', live, 'failed'],
];

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    const look = { feature, pane: ChatPane, slice, columns, rows, note: paneNotes[note] };
    expect(paintPane(look)).toMatchSnapshot();
  });
});

test('any size is painted within its bounds', () => {
  for (let columns = 8; columns <= 120; columns += 7) {
    for (const rows of [3, 5, 8, 30]) {
      paint(live, columns, rows);
      paint(filterBy(live, 'nothing like it'), columns, rows);
    }
  }
});

test('the line being typed stands in the prompt, with its cursor', () => {
  const frame = paint(live, 60, 10, { text: 'look at the limit pane', cursor: 22 });
  expect(frame).toContain('oncall › look at the limit pane▏');
});

test('scrolled back, it says how much is newer and stays put while more comes', () => {
  const slice = move(withMessages(50), -10);
  const frame = paint(slice, 40, 10);
  expect(frame).toContain('m40');
  expect(frame).not.toContain('m41');
  expect(frame).toContain('▼ 10 newer');
  const later = paint(hear(slice, 'chat:ops', say(51, 'ann', 'm51', 0)), 40, 10);
  expect(later).toBe(frame.replace('▼ 10 newer', '▼ 11 newer').replace('of 50', 'of 51'));
});

test('more new messages than fit: says how many are above', () => {
  let slice = withMessages(5);
  for (let id = 6; id <= 30; id += 1) slice = hear(slice, 'chat:ops', say(id, 'ann', `m${id}`, 0));
  const frame = paint(slice, 40, 10);
  expect(frame).toContain('▲ 19 unseen above, u shows them');
  expect(frame).toContain('m30');
});

test('a message longer than the pane is cut, with a mark', () => {
  const slice = hear(withMessages(2), 'chat:ops', say(3, 'ann', 'long '.repeat(500), 0));
  expect(paint(slice, 60, 12)).toMatch(/… \d+ more lines/);
});
