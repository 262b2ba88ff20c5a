import { Box, renderToString } from 'ink';
import { beforeAll, describe, expect, test } from 'vitest';
import { ChatPane } from '../../source/features/chat/chat-pane.tsx';
import feature from '../../source/features/chat/index.ts';
import { type ChatSlice, hear, initial, scroll } from '../../source/features/chat/state.ts';
import { Frame } from '../../source/ui/frame.tsx';
import { width } from '../../source/ui/text.ts';
import { live, say, withMessages } from './slices.ts';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

type Note = { text: string; tone: 'good' | 'warn' | 'bad' | 'dim' };

function paint(
  slice: ChatSlice,
  columns: number,
  rows: number,
  { text, tone }: Note,
  line?: { text: string; cursor: number },
) {
  return renderToString(
    <Box width={columns} height={rows}>
      <Frame
        title={[{ text: '1 chat', bold: true }, `  ${feature.headline(slice)}`]}
        note={{ text, tone }}
        columns={columns}
        rows={rows}
        focused
      >
        <ChatPane slice={slice} columns={columns - 4} rows={rows - 2} focused zoomed={false} typing={line} />
      </Frame>
    </Box>,
    { columns },
  );
}

const states: readonly (readonly [string, ChatSlice, Note])[] = [
  ['before data', initial('oncall'), { text: 'waiting', tone: 'dim' }],
  ['live', live, { text: 'live', tone: 'good' }],
  ['stale', live, { text: 'stale 12s, retry in 4s', tone: 'warn' }],
  ['failed', { ...live, wrong: ['Key `chat:x` does not hold a zset'] }, { text: 'failed', tone: 'bad' }],
];
const sizes = [
  [40, 10],
  [80, 24],
  [120, 40],
] as const;

describe.each(sizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    const frame = paint(slice, columns, rows, note);
    expect(frame).toMatchSnapshot();
    const lines = frame.split('\n');
    expect(lines).toHaveLength(rows);
    expect(lines.map((line) => width(line))).toEqual(lines.map(() => columns));
    expect(frame).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });
});

test('any size down to nothing is painted within its bounds', () => {
  for (let columns = 1; columns <= 120; columns += 7) {
    for (const rows of [1, 2, 3, 5, 8, 30]) {
      const frame = renderToString(
        <Box width={columns} height={rows} overflow="hidden">
          <ChatPane slice={live} columns={columns} rows={rows} focused={false} zoomed={false} />
        </Box>,
        { columns },
      );
      const lines = frame.split('\n');
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
    }
  }
});

test('the line being typed stands in the prompt, with its cursor', () => {
  const frame = paint(
    live,
    60,
    10,
    { text: 'live', tone: 'good' },
    { text: 'look at the limit pane', cursor: 22 },
  );
  expect(frame).toContain('oncall › look at the limit pane▏');
});

test('scrolled back, it says how much is newer and stays put while more comes', () => {
  const slice = scroll(withMessages(50), -10);
  const frame = paint(slice, 40, 10, { text: 'live', tone: 'good' });
  expect(frame).toContain('m40');
  expect(frame).not.toContain('m41');
  expect(frame).toContain('▼ 10 newer');
  const later = paint(hear(slice, 'chat:ops', say(51, 'ann', 'm51', 0)), 40, 10, {
    text: 'live',
    tone: 'good',
  });
  expect(later).toBe(frame.replace('▼ 10 newer, End shows the newest', '▼ 11 newer, End shows the newest'));
});

test('more new messages than fit: says how many are above', () => {
  let slice = withMessages(5);
  for (let id = 6; id <= 30; id += 1) slice = hear(slice, 'chat:ops', say(id, 'ann', `m${id}`, 0));
  const frame = paint(slice, 40, 10, { text: 'live', tone: 'good' });
  expect(frame).toContain('▲ 19 unseen above, u shows them');
  expect(frame).toContain('m30');
});

test('a message longer than the pane is cut, and says so', () => {
  const slice = hear(withMessages(2), 'chat:ops', say(3, 'ann', 'long '.repeat(500), 0));
  expect(paint(slice, 60, 12, { text: 'live', tone: 'good' })).toMatch(/… \d+ more lines/);
});
