import { describe, expect, test } from 'vitest';
import feature from '../../source/features/lock/index.ts';
import { keys } from '../../source/features/lock/key-bindings.ts';
import { initial, learn, lockList } from '../../source/features/lock/state.ts';
import { needSentence } from '../../source/need.ts';
import { looking } from '../helpers/list.ts';
import { live, reading } from './slices.ts';

const { move, filterBy, chosen, shown } = looking(lockList, reading.nowMs);

const names = (slice: typeof live): string[] => shown(slice).map(({ name }) => name);

describe('a reading', () => {
  test('puts those without an end first, then those waited for, each group by name', () => {
    expect(names(live)).toEqual(['migrate', 'deploy:web', 'next\u001B[2Jtime', 'flush:stats', 'reindex']);
  });

  test('that tells nothing new leaves the slice as it is', () => {
    const again = {
      ...reading,
      locks: reading.locks.map((lock) => ({ ...lock, heldMs: lock.heldMs && lock.heldMs + 1 })),
    };
    expect(learn(live, again)).toBe(live);
    expect(learn(live, { ...reading, nowMs: reading.nowMs + 1 })).toBe(live);
    const idle = learn(initial, { nowMs: 1, known: 0, looked: 0, wrong: [], locks: [] });
    expect(learn(idle, { nowMs: 2, known: 0, looked: 0, wrong: [], locks: [] })).toBe(idle);
  });

  test('counts the age of a foreign holder since it was first seen, and anew for another one', () => {
    expect(live.locks.find(({ name }) => name === 'migrate')?.heldSinceMs).toBe(reading.nowMs - 2_940_000);
    const changed = reading.locks.map((lock) =>
      lock.name === 'migrate' ? { ...lock, token: 'other' } : lock,
    );
    const next = learn(live, { ...reading, locks: changed });
    expect(next.locks.find(({ name }) => name === 'migrate')?.heldSinceMs).toBe(reading.nowMs);
  });

  test('survives JSON', () => {
    expect(JSON.parse(JSON.stringify(live))).toEqual(
      JSON.parse(JSON.stringify(learn(JSON.parse(JSON.stringify(live)), reading))),
    );
  });
});

describe('the operator', () => {
  test('moves within the list, and the selection follows its lock', () => {
    const second = move(live, 1);
    expect(chosen(second)?.name).toBe('deploy:web');
    expect(chosen(move(second, 100))?.name).toBe('reindex');
    const without = learn(second, {
      ...reading,
      locks: reading.locks.filter(({ name }) => name !== 'migrate'),
    });
    expect(chosen(without)?.name).toBe('deploy:web');
    const gone = learn(second, {
      ...reading,
      locks: reading.locks.filter(({ name }) => name !== 'deploy:web'),
    });
    expect(chosen(gone)?.name).toBe('migrate');
  });

  test('filters by name, owner and label', () => {
    expect(names(filterBy(live, 'CI-14'))).toEqual(['deploy:web']);
    expect(names(filterBy(live, 'quarter'))).toEqual(['flush:stats']);
    expect(names(filterBy(live, 'nothing'))).toEqual([]);
    expect(names(filterBy(live, 'queue>2'))).toEqual(['deploy:web']);
    expect(names(filterBy(live, 'held>1h'))).toEqual([]);
  });

  test('breaks what is selected', () => {
    const binding = keys.find(({ verb }) => verb === 'break');
    const web = move(live, 1);
    expect(binding?.refuse?.(web)).toBeUndefined();
    expect(binding?.input?.(web, '')).toEqual({ name: 'deploy:web' });
    expect(binding?.refuse?.(move(live, 2))).toContain('Nobody holds');
    expect(binding?.refuse?.(initial)).toBe('There is no lock to break');
  });
});

test('what needs a human', () => {
  const wrong = ['Lock `data` cannot be read: key `lock:data` holds other data'];
  expect(feature.needs({ ...live, wrong, moreEndless: 1200 }, 0).map(needSentence)).toEqual([
    'migrate no TTL, 1 waits',
    'other locks 1,200 more have no TTL and somebody waiting',
    ...wrong,
  ]);
});

test('the headline counts everything, or says of how many it knows', () => {
  expect(feature.headline(live)).toBe('4 held  24 waiting');
  expect(feature.headline(initial)).toBe('');
  const page = learn(initial, { ...reading, known: 1500, looked: 300 });
  expect(feature.headline(page)).toBe('300 of 1,500 names');
  const round = learn(page, { ...reading, known: 1500, looked: 300, round: { held: 1212, waiting: 7 } });
  expect(feature.headline(round)).toBe('300 of 1,500 names  1,212 held  7 waiting');
});
