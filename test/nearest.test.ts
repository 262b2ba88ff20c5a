import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from '../source/nearest.ts';

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
