import { expect, test } from 'vitest';
import { helpHint, hintSpans, hintsFor } from '../../../source/console/view/hints.ts';
import { makeFeature } from '../../helpers/feature.ts';

const textOf = (columns: number, panes = 3): string =>
  hintSpans(hintsFor({ name: 'browse' }, makeFeature(), panes), columns, helpHint)
    .map((span) => (typeof span === 'string' ? span : span.text))
    .join('');

test('acts first, then what works everywhere, then moves; the way to help always stays', () => {
  expect(textOf(200)).toBe(
    'Enter say  x wipe  e next need  Tab next pane  z zoom  / filter  r related  : command  q quit  n name  b boom  ? help',
  );
  expect(textOf(40)).toBe('Enter say  x wipe  e next need  ? help');
  expect(textOf(10)).toBe('? help');
  // What is too long for the room leaves it to what is shorter.
  expect(textOf(16)).toBe('x wipe  ? help');
  expect(textOf(60, 1)).toBe('Enter say  x wipe  e next need  z zoom  / filter  ? help');
});

test('what Enter does is among the acts, and what is explained behind a colon is left to the help', () => {
  const feature = {
    ...makeFeature(),
    keys: [
      { key: 'down', help: 'next', change: (slice: unknown) => slice },
      { key: ['enter'], help: 'lines: the sample and the recent ones', change: (slice: unknown) => slice },
      { key: 'x', help: 'break: take the lock from its holder', verb: 'wipe' },
    ],
  };
  expect(hintsFor({ name: 'browse' }, feature, 1).slice(0, 2)).toEqual([
    { key: 'Enter', help: 'lines' },
    { key: 'x', help: 'break' },
  ]);
});
