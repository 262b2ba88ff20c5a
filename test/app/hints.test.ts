import { expect, test } from 'vitest';
import { helpHint, hintSpans, hintsFor } from '../../source/app/hints.ts';
import { makeFeature } from '../helpers/feature.ts';

const textOf = (columns: number, panes = 3): string =>
  hintSpans(hintsFor({ name: 'browse' }, makeFeature(), panes), columns, helpHint)
    .map((span) => (typeof span === 'string' ? span : span.text))
    .join('');

test('acts first, then what works everywhere, then moves; the way to help always stays', () => {
  expect(textOf(200)).toBe(
    'Enter say  x wipe  Tab next pane  z zoom  : command  q quit  / filter  n name  b boom  ↓ down  ↑ up  ? help',
  );
  expect(textOf(40)).toBe('Enter say  x wipe  Tab next pane  ? help');
  expect(textOf(10)).toBe('? help');
  // What is too long for the room leaves it to what is shorter.
  expect(textOf(16)).toBe('x wipe  ? help');
  expect(textOf(60, 1)).toBe('Enter say  x wipe  z zoom  : command  q quit  n name  ? help');
});
