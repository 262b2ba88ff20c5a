import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNames } from '../source/compare-names.ts';
import { chatList, learn as learnChat, initial as noChat } from '../source/features/chat/state.ts';
import { loadFeature } from '../source/features/index.ts';
import { filledSlices } from './helpers/filled-console.tsx';

test('names stand in the order in which people count', () => {
  expect(['job:10', 'job:2', 'Job:3', 'job:1', 'a'].toSorted(compareNames)).toEqual([
    'a',
    'job:1',
    'job:2',
    'Job:3',
    'job:10',
  ]);
});

test('it is one order for any names', () => {
  const names = fc.oneof(
    fc.string(),
    fc.nat().map((number) => `job:${number}`),
    fc.constantFrom('1', '01', '001'),
  );
  fc.assert(
    fc.property(names, names, names, (a, b, c) => {
      expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) || 0);
      expect(compareNames(a, b) === 0).toBe(a === b);
      const [low = '', middle = '', high = ''] = [a, b, c].toSorted(compareNames);
      expect(compareNames(low, middle)).toBeLessThanOrEqual(0);
      expect(compareNames(low, high)).toBeLessThanOrEqual(0);
    }),
  );
});

test.each([
  ['lock', /^job:/],
  ['limit', /^ip:/],
  ['topic', /^orders\/search-/],
  ['sync', /^cdn(2|10):/],
])('rows of %s that are alike stand by name, numbers in order', async (noun, some) => {
  const list = (await loadFeature(noun))?.list;
  const rows: readonly unknown[] = list?.rows(filledSlices[noun]) ?? [];
  const names = rows.map((row) => list?.name(row) ?? '').filter((name) => some.test(name));
  expect(names.length).toBeGreaterThan(1);
  expect(names).toEqual(names.toSorted(compareNames));
  expect(names).not.toEqual(names.toSorted());
});

test('rooms stand by name, numbers in order', () => {
  const room = (name: string) => ({ room: name, channel: '', memberCount: 0, lastId: 0, own: undefined });
  const all = { rooms: ['room1', 'room10', 'room2'].map(room), wrong: [] };
  const slice = learnChat(noChat('ada'), { all, open: undefined });
  expect(slice.rooms.map((one) => one.room)).toEqual(['room1', 'room2', 'room10']);
  expect(chatList.rows(slice)).toEqual([]);
});
