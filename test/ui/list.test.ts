import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  arrange,
  back,
  changeList,
  choose,
  chosenRow,
  hold,
  initialList,
  type List,
  type Listed,
  markShown,
  moveBy,
  openDetails,
  orderBy,
  orderByNext,
  release,
  reverse,
  toggleMark,
} from '../../source/ui/list.ts';
import { planList } from '../../source/ui/list-plan.ts';

type Job = { readonly name: string; readonly lag: number | undefined };
type Jobs = Listed & { readonly jobs: readonly Job[] };

const list: List<Jobs, Job> = {
  rows: ({ jobs }) => jobs,
  id: ({ name }) => name,
  name: ({ name }) => name,
  fields: { name: ({ name }) => name, lag: ({ lag }) => lag },
};
const jobs = (...rows: [string, number?][]): Jobs => ({
  jobs: rows.map(([name, lag]) => ({ name, lag })),
  list: initialList,
});
const names = (slice: Jobs): string =>
  arrange(list, slice, 0)
    .rows.map(({ name }) => name)
    .join(' ');
const chosen = (slice: Jobs): string | undefined => chosenRow(list, slice)?.name;
const some = jobs(['job:10', 5], ['job:2', 70], ['job:1'], ['cron', 5]);

describe('the choice', () => {
  test('is by identity: it stays when the order changes, and falls back when its row goes', () => {
    const moved = moveBy(list, some, 1, 0);
    expect(chosen(moved)).toBe('job:2');
    const turned = release({ ...moved, jobs: some.jobs.toReversed() });
    expect(chosen(turned)).toBe('job:2');
    expect(chosen({ ...turned, jobs: turned.jobs.filter(({ name }) => name !== 'job:2') })).toBe('cron');
  });

  test('stops at the ends', () => {
    expect(chosen(moveBy(list, some, -5, 0))).toBe('job:10');
    expect(chosen(moveBy(list, some, 500, 0))).toBe('cron');
    expect(moveBy(list, jobs(), 1, 0)).toEqual(jobs());
  });

  test('by its id takes away the filter that hides it', () => {
    const filtered = changeList(some, { filter: 'cron' });
    expect(choose(list, filtered, 'cron', 0)?.list).toMatchObject({ selected: 'cron', filter: 'cron' });
    expect(choose(list, filtered, 'job:2', 0)?.list).toMatchObject({ selected: 'job:2', filter: '' });
    expect(choose(list, some, 'nobody', 0)).toBeUndefined();
  });

  test('in a list that follows its end is the newest until it is moved, and again at the end', () => {
    const following: typeof list = { ...list, followsEnd: true };
    expect(chosenRow(following, some)?.name).toBe('cron');
    const up = moveBy(following, some, -1, 0);
    expect(chosenRow(following, up)?.name).toBe('job:1');
    const more = { ...up, jobs: [...up.jobs, { name: 'new', lag: 0 }] };
    expect(chosenRow(following, more)?.name).toBe('job:1');
    const end = moveBy(following, more, 100, 0);
    expect(chosenRow(following, { ...end, jobs: [...end.jobs, { name: 'newer', lag: 0 }] })?.name).toBe(
      'newer',
    );
  });
});

describe('order', () => {
  test('numbers begin with the largest, names in their order; what has no value comes last', () => {
    expect(names(orderBy(list, some, 'lag', 0))).toBe('job:2 cron job:10 job:1');
    expect(names(reverse(orderBy(list, some, 'lag', 0)))).toBe('cron job:10 job:2 job:1');
    expect(names(orderBy(list, some, 'name', 0))).toBe('cron job:1 job:2 job:10');
  });

  test('goes through the fields and back to the own one', () => {
    const next = (slice: Jobs): Jobs => orderByNext(list, slice, ['name', 'lag'], 1, 0);
    expect(next(some).list.order?.field).toBe('name');
    expect(next(next(some)).list.order?.field).toBe('lag');
    expect(next(next(next(some))).list.order).toBeUndefined();
    expect(orderByNext(list, some, ['name', 'lag'], -1, 0).list.order?.field).toBe('lag');
    expect(reverse(some)).toBe(some);
  });

  test('held rows keep their places though their values go on; new ones come behind', () => {
    const held = hold(list, orderBy(list, some, 'lag', 0), 0);
    const later = {
      ...held,
      jobs: [
        { name: 'new', lag: 900 },
        ...some.jobs.map((job) => ({ ...job, lag: job.name === 'job:1' ? 99 : 0 })),
      ],
    };
    expect(names(later)).toBe('job:2 cron job:10 job:1 new');
    expect(names(release(later))).toBe('new job:1 cron job:2 job:10');
  });
});

describe('marks', () => {
  test('are set row by row, die with their rows, and all shown can be marked at once', () => {
    let slice = toggleMark(list, toggleMark(list, some, 0), 0);
    expect(slice.list.marks).toEqual(['job:10', 'job:2']);
    expect(chosen(slice)).toBe('job:1');
    slice = { ...slice, jobs: slice.jobs.filter(({ name }) => name !== 'job:2') };
    expect(arrange(list, slice, 0).marked.map(({ name }) => name)).toEqual(['job:10']);
    const filtered = changeList(some, { filter: 'job' });
    const all = markShown(list, filtered, 0);
    expect(all.list.marks).toEqual(['job:10', 'job:2', 'job:1']);
    expect(markShown(list, all, 0).list.marks).toEqual([]);
  });
});

test('Esc takes back exactly one: full details, details, the filter, the marks', () => {
  let slice = toggleMark(list, changeList(some, { filter: 'job' }), 0);
  slice = openDetails(list, openDetails(list, slice, 0), 0);
  const states: string[] = [];
  for (let before: Jobs | undefined; before !== slice; ) {
    const { details, filter, marks } = slice.list;
    states.push(`${details} ${filter} ${marks.length}`);
    before = slice;
    slice = back(slice);
  }
  expect(states).toEqual(['full job 1', 'open job 1', 'closed job 1', 'closed  1', 'closed  0']);
});

test('details are about the row they were opened on, whatever moves', () => {
  const opened = openDetails(list, some, 0);
  expect(chosen({ ...opened, jobs: opened.jobs.toReversed() })).toBe('job:10');
  expect(openDetails(list, jobs(), 0)).toEqual(jobs());
});

test('what was arranged for a slice is not arranged again', () => {
  let asked = 0;
  const counting: typeof list = {
    ...list,
    rows: (slice) => {
      asked += 1;
      return slice.jobs;
    },
  };
  for (let time = 0; time < 5; time += 1) arrange(counting, some, time);
  expect(asked).toBe(1);
});

test('what compares with the clock is looked at again as it goes on', () => {
  const aging: typeof list = { ...list, fields: { age: (_, nowMs) => nowMs } };
  const slice = changeList(some, { filter: 'age>5s' });
  expect(arrange(aging, slice, 1000).rows).toHaveLength(0);
  expect(arrange(aging, slice, 6000).rows).toHaveLength(4);
});

test('any keys: the choice is on the list, and the slice survives JSON', () => {
  const acts: readonly ((slice: Jobs) => Jobs)[] = [
    (slice) => moveBy(list, slice, 1, 0),
    (slice) => moveBy(list, slice, -3, 0),
    (slice) => toggleMark(list, slice, 0),
    (slice) => markShown(list, slice, 0),
    (slice) => orderByNext(list, slice, ['name', 'lag'], 1, 0),
    reverse,
    release,
    back,
    (slice) => openDetails(list, slice, 0),
    (slice) => changeList(slice, { filter: '1' }),
    (slice) => ({ ...slice, jobs: slice.jobs.slice(1) }),
    (slice) => ({ ...slice, jobs: [...slice.jobs, { name: `new:${slice.jobs.length}`, lag: 3 }] }),
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(acts.length - 1), { maxLength: 40 }), (steps) => {
      let slice = some;
      for (const step of steps) slice = acts[step]?.(slice) ?? slice;
      const { rows, index } = arrange(list, slice, 0);
      expect(index).toBeGreaterThanOrEqual(rows.length === 0 ? -1 : 0);
      expect(index).toBeLessThan(Math.max(1, rows.length));
      expect(JSON.parse(JSON.stringify(slice))).toEqual(slice);
    }),
  );
});

test('the lines of a pane are given away exactly, the list always has some, and something is shown of it', () => {
  const lines = fc.nat(30);
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({ min: 1, max: 60 }),
        head: fc.nat(3),
        heading: fc.nat(2),
        count: fc.nat(100),
        each: fc.integer({ min: 1, max: 2 }),
        about: lines,
        tail: fc.nat(5),
        details: lines,
        isFull: fc.boolean(),
      }),
      (needs) => {
        const plan = planList(needs);
        const { head, list: listLines, gap, about, details, filler, tail } = plan;
        expect(head + listLines + gap + about + details + filler + tail).toBe(needs.rows);
        for (const value of Object.values(plan)) expect(value).toBeGreaterThanOrEqual(0);
        const isCovered = needs.isFull && needs.details > 0;
        if (!isCovered && needs.rows >= 6 && needs.count > 0) expect(plan.shown).toBeGreaterThan(0);
        expect(plan.shown).toBeLessThanOrEqual(needs.count);
      },
    ),
    { numRuns: 1000 },
  );
});
