import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { placeAt, placeOfEvent } from '../../../source/console/time/course.ts';
import { lineOf } from '../../../source/console/time/reading.ts';
import { makeRing } from '../../../source/console/time/ring.ts';
import { makeStore, type State } from '../../../source/store/store.ts';

const store = makeStore({
  slices: { lock: { list: {}, n: 0 }, topic: { list: {}, n: 0 } },
  focus: 'lock',
  columns: 80,
  rows: 24,
  connection: { name: 'live', sinceMs: 0, attempt: 0, url: 'redis://test', kind: 'standalone' },
});

/** A state in which one slice has changed; its text does not deflate well. */
function changed(before: State, n: number, bytes = 0): State {
  const noise = Array.from({ length: bytes }, () => Math.random().toString(36).charAt(2)).join('');
  return { ...before, slices: { ...before.slices, lock: { list: {}, n, noise } } };
}

test('every kept moment reads as it was, forwards, backwards and by leaps', async () => {
  const ring = makeRing();
  let before: State | undefined;
  for (let n = 0; n < 50; n += 1) {
    const state = changed(store.getState(), n);
    const isWhole = n % 10 === 0;
    const { line } = await lineOf(state, {
      atMs: n * 1000,
      note: undefined,
      before: isWhole ? undefined : before,
      turn,
    });
    before = state;
    ring.add(line);
  }
  const moments = ring.moments();
  expect(moments).toHaveLength(50);
  for (const n of [0, 1, 2, 49, 48, 7, 30, 29, 31]) {
    const moment = moments[n];
    expect(moment && ring.reading(moment)).toMatchObject({
      atMs: n * 1000,
      slices: { lock: { n }, topic: { n: 0 } },
      connection: { name: 'live' },
    });
  }
});

test('the ring stays within its bytes, drops the oldest first, and can read all that it kept', async () => {
  const bounds = { bytes: 64 * 1024, ms: 3_600_000 };
  const ring = makeRing(bounds);
  let before: State | undefined;
  let wantsWhole = true;
  for (let n = 0; n < 200; n += 1) {
    const state = changed(store.getState(), n, 4096);
    const { line } = await lineOf(state, {
      atMs: n * 1000,
      note: undefined,
      before: wantsWhole ? undefined : before,
      turn,
    });
    before = state;
    wantsWhole = ring.add(line);
    // Deflating is done by other threads.
    await vi.waitFor(() => expect(ring.bytes()).toBeLessThanOrEqual(bounds.bytes + 10_000));
  }
  const moments = ring.moments();
  expect(moments.length).toBeGreaterThan(5);
  expect(moments.length).toBeLessThan(100);
  expect(moments.at(-1)?.atMs).toBe(199_000);
  for (const moment of moments)
    expect(ring.reading(moment)?.slices.lock).toMatchObject({ n: moment.atMs / 1000 });
});

test('what is older than the ring reaches is dropped', async () => {
  const ring = makeRing({ bytes: 1024 * 1024, ms: 10_000 });
  for (let n = 0; n < 30; n += 1) {
    const { line } = await lineOf(changed(store.getState(), n), {
      atMs: n * 1000,
      note: undefined,
      before: undefined,
      turn,
    });
    ring.add(line);
  }
  await vi.waitFor(() => expect(ring.moments()[0]?.atMs).toBe(18_000));
});

test('moments are found by time, and by what began, ended or was noted', () => {
  const moments = [
    { atMs: 1000, note: undefined, open: '' },
    { atMs: 2000, note: undefined, open: 'lock.noTtl a' },
    { atMs: 3000, note: undefined, open: 'lock.noTtl a' },
    { atMs: 4000, note: 'deployed', open: 'lock.noTtl a' },
    { atMs: 5000, note: undefined, open: '' },
  ];
  expect([500, 1000, 2500, 9000].map((atMs) => placeAt(moments, atMs))).toEqual([-1, 0, 1, 4]);
  expect([0, 1, 3, 4].map((from) => placeOfEvent(moments, from, 1))).toEqual([1, 3, 4, undefined]);
  expect([4, 3, 1].map((from) => placeOfEvent(moments, from, -1))).toEqual([3, 1, undefined]);
});
