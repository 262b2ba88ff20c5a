import { describe, expect, test } from 'vitest';
import { BufferPane } from '../../source/features/buffer/buffer-pane.tsx';
import buffer from '../../source/features/buffer/index.ts';
import { needsOf } from '../../source/features/buffer/needs.ts';
import {
  type BufferSlice,
  bufferList,
  initialSlice,
  learn,
  type Reading,
  selectedRow,
  stateOf,
} from '../../source/features/buffer/state.ts';
import { ordinal } from '../../source/features/buffer/status-text.ts';
import { needSentence } from '../../source/need.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

/** Local time, so that the clocks in the frames are the same everywhere. */
const at = (hours: number, minutes: number, seconds = 0): number =>
  new Date(2026, 10, 20, hours, minutes, seconds).getTime();
const nowMs = at(15, 53, 7);

function reading(type: string, more: Partial<Reading> = {}): Reading {
  return {
    type,
    nowMs,
    ids: 0,
    total: 0,
    isExact: true,
    inflight: { ids: 0, total: 0, batch: undefined },
    aside: { ids: 0, total: 0 },
    oldestMs: undefined,
    status: undefined,
    ...more,
  };
}

const { move } = looking(bufferList, nowMs);

const target = { to: 'postgres://app@db-1/app', table: 'project', key: 'id', column: 'count' };
const last = { rows: 2988, total: 84_204, durationMs: 300, atMs: at(15, 52, 58) };
const flusher = { everyMs: 10_000, seenMs: at(15, 53, 4) };

const project = reading('project', {
  ids: 3112,
  total: 88_120,
  oldestMs: nowMs - 9000,
  status: { last, flusher, target },
});
const retrying = reading('views', {
  ids: 870,
  total: 4006,
  inflight: { ids: 12, total: 90, batch: 'b' },
  oldestMs: nowMs - 252_000,
  status: {
    last,
    flusher,
    target,
    failure: {
      attempts: 2,
      message: 'Cannot open postgres://app@db-1/app: connect ECONNREFUSED 10.0.0.7:5432',
      sinceMs: at(15, 49),
      retryAtMs: nowMs + 7600,
    },
  },
});
const live = learn(
  initialSlice,
  [
    project,
    retrying,
    reading('stopped', {
      ids: 2,
      total: 2,
      oldestMs: nowMs - 3_700_000,
      status: { last, flusher: { everyMs: 10_000, seenMs: at(14, 51) }, target },
    }),
    reading('by-hand', {
      ids: 1,
      total: 9,
      oldestMs: nowMs - 2000,
      status: {
        failure: {
          attempts: 1,
          message: 'Table `by-hand` is not there',
          sinceMs: at(15, 41),
          retryAtMs: null,
        },
      },
    }),
    reading('moving', { inflight: { ids: 5, total: 50, batch: 'c' }, oldestMs: nowMs - 400 }),
    reading('huge', { ids: 1_203_441, total: 48_212_345.7, isExact: false, oldestMs: nowMs - 61_000 }),
    reading('forgotten', { ids: 7, total: 7, oldestMs: nowMs - 90_000_000 }),
    reading('done', { status: { last, target } }),
    { type: 'text', error: 'Key `pending:text` does not hold a sorted set; it belongs to something else' },
    reading('\u001B]0;evil\u0007\u202Eadmin\nis fine 漢字', { ids: 1, total: 1 }),
  ],
  nowMs,
);

const slices: readonly [string, BufferSlice, (typeof paneNotes)[keyof typeof paneNotes]][] = [
  ['before data', initialSlice, paneNotes.waiting],
  ['live', live, paneNotes.live],
  [
    'all is well',
    learn(initialSlice, [project, reading('done', { status: { last, target } })], nowMs),
    paneNotes.live,
  ],
  [
    'set aside',
    learn(
      initialSlice,
      [
        { ...project, aside: { ids: 2, total: 9 } },
        reading('only', { aside: { ids: 1, total: 5 }, status: { last, target } }),
        { ...retrying, aside: { ids: 3, total: 5 } },
      ],
      nowMs,
    ),
    paneNotes.live,
  ],
  ['stale', live, paneNotes.stale],
  ['failed', live, paneNotes.failed],
];

describe.each(slices)('%s', (_, slice, note) => {
  test.each(paneSizes)('%ix%i', (columns, rows) => {
    expect(
      paintPane({ feature: buffer, pane: BufferPane, slice, columns, rows, note, nowMs }),
    ).toMatchSnapshot();
  });

  test('zoomed', () => {
    const look = {
      feature: buffer,
      pane: BufferPane,
      nowMs,
      slice,
      columns: 120,
      rows: 40,
      note,
      zoomed: true,
    };
    expect(paintPane(look)).toMatchSnapshot();
  });
});

test('paints exactly any size there is room for', () => {
  for (const columns of [12, 25, 40, 63, 67, 68, 69, 75, 90, 100]) {
    for (const rows of [3, 4, 5, 8, 9, 23]) {
      for (const slice of [live, move(live, 7)]) {
        paintPane({
          feature: buffer,
          pane: BufferPane,
          nowMs,
          slice,
          columns,
          rows,
          focused: rows > 5,
          zoomed: rows > 8,
        });
      }
    }
  }
});

test('what needs a human stands first, then what waits', () => {
  expect(live.types.map(({ type }) => type.slice(0, 9))).toEqual([
    'by-hand',
    'stopped',
    'text',
    'views',
    '\u001B]0;evil\u0007',
    'forgotten',
    'huge',
    'moving',
    'project',
    'done',
  ]);
  expect(buffer.headline(live)).toBe('+48.1M  2 failing');
  expect(sentences(live)).toEqual([
    'by-hand FAILED, 1 id: Table `by-hand` is not there',
    'stopped FLUSHER SILENT, 2 ids',
    'text FOREIGN: Key `pending:text` does not hold a sorted set; it belongs to something else',
    'views RETRYING, 870 ids: Cannot open postgres://app@db-1/app: connect ECONNREFUSED 10.0.0.7:5432',
    'forgotten OLD, 1d: nobody flushes',
  ]);
});

test('what SQL refuses needs a human, whatever else is so', () => {
  const slice = learn(
    initialSlice,
    [
      { ...retrying, aside: { ids: 3, total: 5 } },
      reading('only', { aside: { ids: 1, total: 5 } }),
      reading('done', { status: { last, target } }),
    ],
    nowMs,
  );
  expect(sentences(slice)).toEqual([
    'views RETRYING, 870 ids: Cannot open postgres://app@db-1/app: connect ECONNREFUSED 10.0.0.7:5432',
    'views 3 ids set aside: `buffer aside` says why',
    'only 1 id set aside: `buffer aside` says why',
  ]);
  expect(slice.types.map((row) => stateOf(row, nowMs))).toEqual(['retrying', 'aside', 'flushed']);
});

test('nothing that is shown changed: the same slice, so that nothing is painted', () => {
  const readings = [reading('done', { status: { last, target, flusher } })];
  const slice = learn(initialSlice, readings, nowMs);
  expect(learn(slice, [{ ...readings[0], nowMs: nowMs + 4000 } as Reading], nowMs + 4000)).toBe(slice);
  expect(
    learn(
      slice,
      readings.map((one) => ({ ...one, ids: 1, total: 1 })),
      nowMs,
    ),
  ).not.toBe(slice);
  expect(JSON.parse(JSON.stringify(live)).types).toHaveLength(live.types.length);
});

test('the cursor stays with its type when the order changes', () => {
  const second = move(live, 1);
  expect(selectedRow(second)?.type).toBe('stopped');
  expect(selectedRow(learn(second, [reading('a', { ids: 1 }), reading('stopped')], nowMs))?.type).toBe(
    'stopped',
  );
  expect(selectedRow(move(live, Number.POSITIVE_INFINITY))?.type).toBe('done');
  expect(move(move(live, Number.POSITIVE_INFINITY), 1)).toEqual(move(live, Number.POSITIVE_INFINITY));
});

test('a retry that is long overdue is nobody trying; a flusher in its back-off is not silent', () => {
  const failing = (more: { nowMs: number; seenMs: number; retryAtMs: number }) =>
    learn(
      initialSlice,
      [
        reading('a', {
          nowMs: more.nowMs,
          ids: 1,
          status: {
            flusher: { everyMs: 1000, seenMs: more.seenMs },
            failure: { attempts: 6, message: 'away', sinceMs: 0, retryAtMs: more.retryAtMs },
          },
        }),
      ],
      more.nowMs,
    ).types[0];
  expect(failing({ nowMs: 100_000, seenMs: 50_000, retryAtMs: 105_000 })).toMatchObject({
    failure: { retryAtMs: 105_000 },
    flusher: { isSilent: false },
  });
  expect(failing({ nowMs: 200_000, seenMs: 50_000, retryAtMs: 105_000 })?.failure?.retryAtMs).toBeUndefined();
});

test('ordinals', () => {
  expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].map(ordinal).join(' ')).toBe(
    '1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th',
  );
});

describe('keys', () => {
  const key = (name: string) => buffer.keys.find((binding) => binding.key === name);

  test('f flushes to what was typed, never to what Redis says, and says why it cannot', () => {
    const foreign = { to: 'postgres://evil/db', table: 'accounts', key: 'name', column: 'is_admin' };
    const slice = learn(
      initialSlice,
      [{ ...project, status: { ...project.status, target: foreign } }],
      nowMs,
    );
    expect(key('f')?.ask?.initial?.(slice)).toBe('sqlite:');
    const typed = { type: 'project', every: undefined };
    expect(key('f')?.input?.(slice, 'sqlite:x.db')).toEqual({
      ...typed,
      to: 'sqlite:x.db',
      table: 'project',
      key: 'id',
      column: 'count',
    });
    expect(key('f')?.input?.(slice, ' postgres://app@db/app  page views path ')).toEqual({
      ...typed,
      to: 'postgres://app@db/app',
      table: 'page',
      key: 'path',
      column: 'views',
    });
    expect(key('f')?.refuse?.(initialSlice)).toBe('There is nothing to flush');
    expect(key('f')?.refuse?.(learn(initialSlice, [reading('done')], nowMs))).toBe(
      'done has nothing pending',
    );
  });

  test('i counts in the selected type', () => {
    expect(key('i')?.input?.(learn(initialSlice, [project], nowMs), '42 3')).toEqual({
      type: 'project',
      id: '42',
      by: 3,
    });
    expect(key('i')?.input?.(initialSlice, 'project 42')).toEqual({ type: 'project', id: '42', by: 1 });
  });
});

function sentences(slice: BufferSlice): readonly string[] {
  return needsOf(slice, nowMs).map(needSentence);
}
