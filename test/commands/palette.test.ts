import { expect, test } from 'vitest';
import { commandTable, complete, offersFor, splitWords } from '../../source/commands/palette.ts';
import { makeFeature } from '../helpers/feature.ts';

test.each<[string, string[] | undefined]>([
  ['', []],
  ['chat send ops hi', ['chat', 'send', 'ops', 'hi']],
  ['  a   b ', ['a', 'b']],
  ['say "two words" \'and "these"\'', ['say', 'two words', 'and "these"']],
  ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
  ['say "" x', ['say', '', 'x']],
  ['a"b c"d', ['ab cd']],
  ['say "open', undefined],
])('splits %j as a shell would', (text, words) => {
  expect(splitWords(text)).toEqual(words);
});

test('offers nouns, then verbs, then flags', () => {
  const features = [makeFeature(), makeFeature({ noun: 'nodes' })];
  const table = commandTable(features, {});
  const words = (text: string) => offersFor(text, table, features).offers.map(({ word }) => word);
  expect(words('')).toEqual(['notes', 'nodes']);
  expect(words('not')).toEqual(['notes']);
  expect(words('notes ')).toEqual(['say', 'list', 'wipe']);
  expect(words('notes w')).toEqual(['wipe']);
  expect(words('notes say --')).toEqual(['--loud']);
  expect(words('notes say --loud --')).toEqual([]);
  expect(words('nothing like this ')).toEqual([]);
  expect(offersFor('notes say hi', table, features).usage).toBe('notes say TEXT... [--loud]');
});

test('completing replaces the last word', () => {
  expect(complete('notes w', { word: 'wipe', summary: '' })).toBe('notes wipe ');
  expect(complete('', { word: 'notes', summary: '' })).toBe('notes ');
});
