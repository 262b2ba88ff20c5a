import fc from 'fast-check';
import { expect, test } from 'vitest';
import { needSpans } from '../../../source/console/view/needs-line.tsx';
import type { OpenNeed } from '../../../source/need.ts';
import { cut } from '../../../source/ui/row.tsx';
import { width } from '../../../source/ui/text.ts';

const need = (name: string, words: string, change: Partial<OpenNeed> = {}): OpenNeed => ({
  id: `topic.dead ${name}`,
  feature: 'topic',
  kind: 'dead',
  name,
  words,
  severity: 'bad',
  sinceMs: undefined,
  ack: undefined,
  ...change,
});
const nouns = ['lock', 'topic'];
const ack = { by: 'ada', note: '', atMs: 0, untilMs: 1, severity: 'bad' } as const;

function line(needs: readonly OpenNeed[], columns = 80, unread = 0): string {
  return cut(needSpans(needs, { nouns, unread, columns }), columns)
    .map(({ text }) => text)
    .join('');
}

test('how much needs somebody, what, and how many more', () => {
  const dead = need('orders/audit', 'DEAD, 41,337 wait');
  const late = need('news/importance', 'OVERLOADED, 8,114 behind');
  expect(line([dead])).toBe(' ! 1 needs you   2 orders/audit DEAD, 41,337 wait');
  expect(line([dead, late])).toBe(' ! 2 need you   2 orders/audit DEAD, 41,337 wait   +1');
  expect(line([dead, late, need('a', 'x', { ack })], 120)).toBe(
    ' ! 2 need you   2 orders/audit DEAD, 41,337 wait   2 news/importance OVERLOADED, 8,114 behind   1 acked',
  );
});

test('that nothing is wrong is said once everything was read, never before', () => {
  expect(line([])).toBe(' nothing needs you');
  expect(line([], 80, 3)).toBe(' not all read yet');
  expect(line([need('a', 'x', { ack })])).toBe(' nothing needs you   1 acked');
});

test('a long name keeps its end, and what is wrong stays to be read', () => {
  expect(line([need(`/srv/${'deep/'.repeat(30)}beta`, 'RETRYING: rsync ended with 12')], 60)).toMatch(
    /…\S*beta RETRYING/,
  );
});

test('at no width it is too long, hides the first, or forgets to count', () => {
  const names = fc.array(fc.string({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(names, fc.integer({ min: 40, max: 400 }), (all, columns) => {
      const text = line(
        all.map((name) => need(`n${name}`, 'DEAD')),
        columns,
      );
      expect(width(text)).toBeLessThanOrEqual(columns);
      expect(text).toContain(`! ${all.length} need`);
      expect(text).toMatch(/you {3}2 \S/);
      const more = Number(/ {3}\+(\d+)$/.exec(text)?.[1] ?? 0);
      const shown = text.split('   2 ').length - 1;
      if (all.every((name) => !name.includes('   2 '))) expect(shown + more).toBe(all.length);
    }),
  );
});
