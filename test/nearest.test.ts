import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from '../source/nearest.ts';
import { UnknownNameError } from '../source/unknown-name.ts';

const nouns = ['chat', 'ship', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer', 'sync', 'shards'];

test.each([
  ['lokc', 'lock'],
  ['chatt', 'chat'],
  ['toipc', 'topic'],
  ['shrads', 'shards'],
  ['bufer', 'buffer'],
  ['hit', 'hits'],
])('%s was meant to be %s', (typed, meant) => {
  expect(nearest(typed, nouns)).toBe(meant);
});

test.each(['', 'x', 'redis', 'deploy', 'constructor'])('`%s` is too far from anything', (typed) => {
  expect(nearest(typed, nouns)).toBeUndefined();
});

test('one letter too many, too few or changed is always found among words that are far apart', () => {
  const slip = fc.tuple(fc.constantFrom('buffer', 'snapshot'), fc.nat(5), fc.constantFrom('', 'z', 'q'));
  fc.assert(
    fc.property(slip, ([word, at, letter]) => {
      const typed = word.slice(0, at) + letter + word.slice(at + 1);
      expect(nearest(typed, ['buffer', 'snapshot'])).toBe(word);
    }),
  );
});

test('an unknown name is reported with the nearest one, and where the others are listed', () => {
  const error = new UnknownNameError('topic', 'topic', 'nwes', ['news'], { listedBy: 'topic status' });
  expect(error).toMatchObject({
    kind: 'data',
    code: 'TOPIC_UNKNOWN',
    message: 'There is no topic `nwes`',
    hint: 'Did you mean `news`? `quarterdeck topic status` shows all',
  });
});

/** Optimal string alignment, as it stands in textbooks. */
function distance(one: string, other: string): number {
  const cells: number[][] = [];
  const at = (i: number, j: number): number => cells[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i <= one.length; i += 1) {
    cells.push([i]);
    for (let j = 1; j <= other.length; j += 1) {
      const changed = at(i - 1, j - 1) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const swapped = isSwap ? at(i - 2, j - 2) + 1 : changed;
      cells[i]?.push(i === 0 ? j : Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, changed, swapped));
    }
  }
  return at(one.length, other.length);
}

test('it finds exactly what the textbook calls near', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(word, word, (typed, known) => {
      const most = typed.length < 4 ? 1 : 2;
      expect(nearest(typed, [known]) === known).toBe(distance(typed, known) <= most);
    }),
    { numRuns: 2000 },
  );
});
