import { expect, test } from 'vitest';
import { filledConsole } from '../helpers/filled-console.tsx';

// The word for a state is never cut, however narrow the terminal and whatever stands beside it.

const words = [
  'DEAD',
  'BLOCKED',
  'OVERLOADED',
  'STALLED',
  'RETRYING',
  'FAILING',
  'FULL',
  'contended',
  'no TTL',
];
/** `OVERL…` where a row begins. */
const cutWord = new RegExp(
  `[│┃] [> ][ ✓*](${words.flatMap((word) => Array.from({ length: word.length - 1 }, (_, end) => word.slice(0, end + 1))).join('|')})…`,
);
const filled = await filledConsole();
const expected: Readonly<Record<string, readonly string[]>> = {
  topic: ['DEAD', 'BLOCKED', 'OVERLOADED'],
  ship: ['STALLED'],
  buffer: ['RETRYING'],
  sync: ['FAILING'],
  limit: ['FULL'],
  lock: ['contended', 'no TTL'],
};

test('in all panes beside each other, from 40 to 400 columns', () => {
  for (let columns = 40; columns <= 400; columns += columns < 130 ? 5 : 23) {
    const frame = filled.paint({ columns, rows: 60, focus: 'topic', isZoomed: false });
    // Line 2 cuts what needs somebody where it has to.
    const panes = frame.split('\n').slice(2).join('\n');
    expect(panes, `${columns} columns`).not.toMatch(cutWord);
  }
});

test.each(Object.entries(expected))('in %s by itself, from 40 to 400 columns', (focus, states) => {
  for (let columns = 40; columns <= 400; columns += columns < 130 ? 9 : 31) {
    const frame = filled.paint({ columns, rows: 24, focus, isZoomed: true });
    for (const state of states) expect(frame, `${columns} columns`).toMatch(new RegExp(`[> ✓*] ${state}\\b`));
  }
});
