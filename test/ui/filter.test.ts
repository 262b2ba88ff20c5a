import { describe, expect, test } from 'vitest';
import { parseFilter } from '../../source/ui/filter.ts';

type Lock = { name: string; owner: string; held: number | undefined; bytes: number };
const locks: readonly Lock[] = [
  { name: 'job:1', owner: 'ci-14', held: 1000, bytes: 2048 },
  { name: 'job:2', owner: 'ci-15', held: 400_000, bytes: 0 },
  { name: 'job:12', owner: 'cron', held: undefined, bytes: 5 * 1024 ** 2 },
  { name: 'Deploy', owner: 'ci-14', held: 3, bytes: 1 },
];
const about = {
  texts: ({ name, owner }: Lock) => [name, owner],
  field: (lock: Lock, name: string) => lock[name as keyof Lock],
};
const fields = ['name', 'owner', 'held', 'bytes'];
const found = (text: string) => {
  const { rows, isLoose, mistake } = parseFilter(text, fields).apply(locks, about);
  return { names: rows.map(({ name }) => name).join(' '), isLoose, mistake };
};
const all = 'job:1 job:2 job:12 Deploy';

test.each([
  ['', all],
  ['   ', all],
  ['job', 'job:1 job:2 job:12'],
  ['JOB:2', 'job:2'],
  ['job ci', 'job:1 job:2'],
  ["'job:1", 'job:1 job:12'],
  ['^dep', 'Deploy'],
  ['^ci', 'job:1 job:2 Deploy'],
  [':2$', 'job:2'],
  ['!job', 'Deploy'],
  ['!ci-14 !cron', 'job:2'],
  ['cron|ci-15', 'job:2 job:12'],
  ['^dep|:1$', 'job:1 Deploy'],
  ['owner:CI-14', 'job:1 Deploy'],
  ['owner=cron', 'job:12'],
  ['owner!=cron', 'job:1 job:2 Deploy'],
  ['held>5', 'job:1 job:2'],
  ['held>5m', 'job:2'],
  ['held<=1s', 'job:1 Deploy'],
  ['held!=3', 'job:1 job:2 job:12'],
  ['bytes>=1MiB', 'job:12'],
  ['bytes=0 job', 'job:2'],
  ['!held>5', 'job:12 Deploy'],
  // No field of that name: a word like any other.
  ['job:1', 'job:1 job:12'],
  ['nosuch>5', ''],
  ['held>abc', ''],
  ['!', ''],
  ['|', all],
  ['~job:1?2$', 'job:2 job:12'],
  ['~^(DEPLOY|cron)$', 'job:12 Deploy'],
  ['~', all],
])('%j lets through %j', (text, names) => {
  expect(found(text)).toMatchObject({ names, mistake: undefined });
});

describe('a slip', () => {
  test('is found letter by letter when nothing else matches, and the list marks it', () => {
    expect(found('dply')).toEqual({ names: 'Deploy', isLoose: true, mistake: undefined });
    expect(found('job:2')).toMatchObject({ names: 'job:2', isLoose: false });
  });

  test('is not looked for in what must not match, or must match exactly', () => {
    expect(found("'dply").names).toBe('');
    expect(found('^dply').names).toBe('');
    expect(found('dply !ci14').names).toBe('Deploy');
  });
});

describe('a regex', () => {
  test('that is none hides nothing and is reported', () => {
    expect(found('~job(')).toEqual({ names: all, isLoose: false, mistake: 'not a regex' });
  });

  test('that would take for ever is given up, hides nothing and is reported', () => {
    const rows = Array.from({ length: 50 }, () => ({
      name: `${'a'.repeat(40)}!`,
      owner: '',
      held: 0,
      bytes: 0,
    }));
    expect(parseFilter('~^(a+)+$', fields).apply(rows, about)).toEqual({
      rows,
      isLoose: false,
      mistake: 'the regex takes too long',
    });
  });
});
