import { expect, test } from 'vitest';
import { readConfig } from '../../../source/config.ts';
import { changesBetween, changesCommand } from '../../../source/console/time/changes.ts';
import { openOf, type Reading } from '../../../source/console/time/reading.ts';
import { features as loaders } from '../../../source/features/index.ts';
import type { OpenNeed } from '../../../source/need.ts';
import { safeLines } from '../../../source/ui/text.ts';
import { payloads, unsafeLines } from '../../helpers/injections.ts';

const features = await Promise.all(Object.values(loaders).map((load) => load()));
const config = readConfig({}, { HOME: '/nowhere', USER: 'ada' });
const slices = Object.fromEntries(features.map((feature) => [feature.noun, feature.initial(config)]));
const need = (name: string, more: Partial<OpenNeed> = {}): OpenNeed => ({
  ...{ id: `lock.noTtl ${name}`, feature: 'lock', kind: 'noTtl', name, severity: 'warn', words: 'no TTL' },
  ...{ sinceMs: undefined, ack: undefined },
  ...more,
});
const reading = (atMs: number, needs: readonly OpenNeed[], names: readonly string[] = []): Reading => ({
  ...{ atMs, slices, needs, server: undefined, ownCommandsPerSecond: 0 },
  connection: { name: 'live', sinceMs: 0, attempt: 0, url: 'redis://test', kind: 'standalone' },
  freshness: Object.fromEntries(names.map((noun) => [noun, { name: 'fresh' }])),
});
const course = (...all: readonly Reading[]) =>
  changesBetween(
    features,
    all[0] as Reading,
    all.at(-1) as Reading,
    all.map(({ atMs, needs }) => ({ atMs, note: undefined, open: openOf(needs) })),
  );

test('each need says how, and when by the reading in which it was so first', () => {
  const { needs } = course(
    reading(1, [need('stays'), need('goes'), need('worsens')]),
    reading(2, [need('stays'), need('worsens'), need('passes')]),
    reading(3, [need('stays'), need('worsens', { severity: 'bad', words: 'no TTL, 3 wait' }), need('comes')]),
  );
  expect(needs).toEqual([
    { how: 'went', atMs: 2, noun: 'lock', name: 'goes', words: 'warn no TTL' },
    {
      ...{ how: 'changed', atMs: undefined, noun: 'lock', name: 'worsens' },
      words: 'warn no TTL → bad no TTL, 3 wait',
    },
    { how: 'came', atMs: 3, noun: 'lock', name: 'comes', words: 'warn no TTL' },
    { how: 'came and went', atMs: 3, noun: 'lock', name: 'passes', words: 'noTtl' },
  ]);
});

test('one that went and came again came the last time', () => {
  const { needs } = course(reading(1, []), reading(2, [need('a')]), reading(3, []), reading(4, [need('a')]));
  expect(needs).toMatchObject([{ how: 'came', atMs: 4 }]);
});

test('what was not read at one end is not known', () => {
  const nouns = features.map(({ noun }) => noun);
  const all = course(reading(1, [], nouns), reading(2, [], nouns));
  expect(all).toMatchObject({ needs: [], rows: [], unknown: [] });
  const { unknown } = course(reading(1, [], ['lock']), reading(2, []));
  expect(unknown).toContain('lock: it is not read now');
  expect(unknown).toContain('topic: it was not read then');
});

test('whatever a name is, it forges no other need, and no line of what is said', async () => {
  const names = [...payloads, 'x\nlock.noTtl forged bad ', 'y bad acked', 'z warn '].map(
    (text) => `a${text}z`,
  );
  const all = [
    reading(1, []),
    reading(
      2,
      names.map((text) => need(text)),
    ),
    reading(
      3,
      names.slice(0, 50).map((text) => need(text, { words: text })),
    ),
  ];
  const moments = all.map(({ atMs, needs }) => ({ atMs, note: undefined, open: openOf(needs) }));
  const { needs } = changesBetween(features, all[0] as Reading, all[2] as Reading, moments);
  expect(needs.map(({ name, how }) => `${how} ${name}`).toSorted()).toEqual(
    names.map((text, place) => `${place < 50 ? 'came' : 'came and went'} ${text}`).toSorted(),
  );
  const command = changesCommand({
    features,
    course: { moments: () => moments, reading: (moment) => all.find(({ atMs }) => atMs === moment.atMs) },
    live: { getState: () => all[2] as never },
    shownMs: () => 1,
  });
  const { text = '' } = await command.run({} as never, {});
  expect(Array.isArray(text)).toBe(true);
  const lines = safeLines(text);
  expect(unsafeLines(lines.join('\n'))).toEqual([]);
  expect(lines.filter((line) => /^ {2}came {2}/.test(line))).toHaveLength(50);
});
