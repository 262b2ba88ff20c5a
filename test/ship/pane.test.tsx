import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import ship from '../../source/features/ship/index.ts';
import { ship as shipFiles } from '../../source/features/ship/ship.ts';
import { ShipPane } from '../../source/features/ship/ship-pane.tsx';
import {
  type ChannelRow,
  initial,
  learn,
  longestHistory,
  type PartRow,
  rateOf,
  type ShipSlice,
  shipList,
  step,
  timeLeftOf,
} from '../../source/features/ship/state.ts';
import { needSentence } from '../../source/need.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { Scratch } from './harness.ts';

const MiB = 1024 ** 2;

const part = (name: string, bytes: number, finished: string, more: Partial<PartRow> = {}): PartRow => ({
  part: name,
  file: name.replace(/~\d+/, ''),
  bytes,
  share: 90,
  finished: finished.split('').filter((id) => id !== '·'),
  missing: ['0', '1', '2'].filter((id) => !finished.includes(id)),
  aside: [],
  state: finished === '···' ? 'announced' : 'reading',
  ...more,
});

const row: ChannelRow = {
  channel: 'logs:',
  budgetBytes: 64 * MiB,
  usedBytes: 60.2 * MiB,
  peakBytes: 63.8 * MiB,
  state: 'waiting',
  reason: 'waiting for consumers 1, 2',
  files: 40,
  filesFound: 131,
  bytes: 9800 * MiB,
  bytesFound: 12_400 * MiB,
  parts: [
    part('nginx/access.log.1~117', 4 * MiB, '01·'),
    part('nginx/access.log.1~118', 4 * MiB, '01·'),
    part('app/worker.log~1.gz', 3.2 * MiB, '0··'),
    part('forged\u001B[2J\nadmin: all is well', 1.1 * MiB, '···'),
    part('nginx/access.log.1~119', 4 * MiB, '···', { state: 'writing', share: undefined }),
  ],
  partsInRedis: 5,
  consumers: [
    { id: '0', lag: 1, aside: 0, state: 'live', silentSinceMs: undefined },
    { id: '1', lag: 1, aside: 0, state: 'live', silentSinceMs: undefined },
    { id: '2', lag: 14, aside: 0, state: 'live', silentSinceMs: undefined },
  ],
};

const nowMs = 10_000_000;

/** Twenty readings in which it went faster and slower. */
function readings(shown: ChannelRow): ShipSlice {
  let slice: ShipSlice = initial;
  let bytes = shown.bytes - 3000 * MiB;
  for (let reading = 0; reading < 20; reading += 1) {
    bytes += Math.round((reading % 7) * 10 * MiB);
    slice = learn(slice, {
      channels: ['logs:', 'other:'],
      shown: { ...shown, bytes },
      at: 1000 * (reading + 1),
    });
  }
  return slice;
}

const live = readings(row);
const stalled = learn(live, {
  channels: ['logs:', 'other:'],
  shown: {
    ...row,
    state: 'stalled',
    reason: 'consumer 2 owes 14 parts, last seen 252s ago',
    consumers: row.consumers.map((one) =>
      one.id === '2' ? { ...one, state: 'stalled', silentSinceMs: nowMs - 252_000 } : one,
    ),
  },
  at: 21_000,
});
const done = learn(initial, {
  channels: ['logs:'],
  shown: {
    ...row,
    ...{
      state: 'done',
      reason: '',
      usedBytes: 0,
      parts: [],
      partsInRedis: 0,
      files: 131,
      bytes: row.bytesFound,
    },
    consumers: row.consumers.map((one) => ({ ...one, lag: 0, state: 'away' })),
  },
  at: 1000,
});

const aside = learn(live, {
  channels: ['logs:', 'other:'],
  shown: {
    ...row,
    reason: 'consumer 2 has set 2 parts aside',
    parts: row.parts.map((one, place) => (place < 2 ? { ...one, aside: ['2'], state: 'aside' } : one)),
    consumers: row.consumers.map((one) => (one.id === '2' ? { ...one, aside: 2 } : one)),
  },
  at: 21_000,
});

const { move, chosen, index } = looking(shipList, nowMs);

const paint = (slice: ShipSlice, columns: number, rows: number, more = {}): string =>
  paintPane({ feature: ship, pane: ShipPane, slice, columns, rows, ...more });

test.each([
  ['before data', initial, paneNotes.waiting],
  ['nothing shipped', learn(initial, { channels: [], shown: undefined, at: 0 }), paneNotes.live],
  ['live', live, paneNotes.live],
  ['stalled', stalled, paneNotes.live],
  ['aside', aside, paneNotes.live],
  ['done', done, paneNotes.live],
  ['stale', live, paneNotes.stale],
  ['failed', live, paneNotes.failed],
])('%s', (_, slice, note) => {
  for (const [columns, rows] of paneSizes) {
    const frame = paint(slice, columns, rows, { note, zoomed: columns >= 120 });
    expect(frame).toMatchSnapshot(`${columns}x${rows}`);
  }
});

test('in a tile of any width one reads which consumer stays away', () => {
  for (const columns of [30, 32, 36, 40, 44]) {
    const lines = paint(stalled, columns, 16).split('\n');
    expect(lines.filter((line) => /STALLED +consumer 2 /.test(line))).toHaveLength(1);
    for (const id of ['0', '1']) expect(lines.join('\n')).toMatch(new RegExp(`live +consumer ${id} `));
  }
});

test('a consumer of which too few parts tell whether it owes any is called unknown, and why', () => {
  const unknown = learn(live, {
    channels: ['logs:'],
    shown: {
      ...row,
      consumers: row.consumers.map((one) => (one.id === '2' ? { ...one, state: 'unknown' } : one)),
    },
    at: 21_000,
  });
  const frame = paint(unknown, 60, 16);
  expect(frame).toMatch(/unknown +consumer 2 /);
  expect(ship.needs(unknown, nowMs)).toEqual([]);
});

test('fills any size', () => {
  for (const columns of [30, 37, 41, 55, 60, 72, 99, 104, 200]) {
    for (const rows of [7, 9, 16, 23]) paint(stalled, columns, rows, { zoomed: rows === 23 });
  }
});

describe('the slice', () => {
  test('survives JSON', () => expect(JSON.parse(JSON.stringify(stalled))).toEqual(stalled));

  test('rate, time left, and no change while nothing moves', () => {
    expect(rateOf(live)).toBeGreaterThan(0);
    expect(timeLeftOf(live)).toBeGreaterThan(0);
    expect(timeLeftOf(done)).toBeUndefined();
    const reading = { channels: ['logs:'], shown: done.shown, at: 2000 };
    expect(learn(done, reading)).toEqual(done);
  });

  test('a new run begins a new rate', () => {
    const again = learn(live, { channels: ['logs:'], shown: { ...row, bytes: 10 }, at: 30_000 });
    expect(again.rates).toEqual(live.rates);
    const next = learn(again, { channels: ['logs:'], shown: { ...row, bytes: 1010 }, at: 31_000 });
    expect(next.rates.at(-1)).toBe(1000);
  });

  test('moves within its parts and channels', () => {
    expect(index(move(live, 3))).toBe(3);
    expect(chosen(move(live, Number.POSITIVE_INFINITY))?.kind).toBe('part');
    expect(chosen(stalled)).toMatchObject({ kind: 'consumer', consumer: { id: '2' } });
    expect(step(live, 1)).toMatchObject({ selected: 'other:', shown: undefined });
    expect(step(live, -1)).toBe(live);
  });

  test('who is missed needs a human', () => {
    expect(ship.needs(stalled, nowMs).map(needSentence)).toEqual([
      'logs: consumer 2 STALLED, 14 parts behind',
    ]);
    expect(ship.needs(live, nowMs)).toEqual([]);
    expect(ship.needs(aside, nowMs).map(needSentence)).toEqual(['logs: consumer 2 2 parts set aside']);
  });
});

describe('the feed', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  test('learns in four commands, and changes nothing while nothing happens', async () => {
    using scratch = new Scratch();
    const directory = scratch.files('in', { 'a.log': 'a\n', 'b.log': 'b\n' });
    const ending = new AbortController();
    const shipping = shipFiles(server.client(), [directory], {
      channel: 'logs:',
      consumers: 2,
      signal: ending.signal,
    });
    const redis = server.client();
    const context = { redis, connections: [], config: readConfig({}, {}) } as never;
    let slice = initial;
    while (slice.shown?.state !== 'waiting') slice = (await ship.feed.read(context, slice))(slice);
    expect(slice).toMatchObject({
      channels: ['logs:'],
      shown: { state: 'waiting', files: 2, filesFound: 2, bytes: 4, reason: 'waiting for consumers 0, 1' },
    });
    ending.abort();
    await shipping;
    // What happened moves out of the picture first.
    for (let reading = 0; reading < longestHistory; reading += 1)
      slice = (await ship.feed.read(context, slice))(slice);
    const sent = vi.spyOn(redis, 'sendCommand');
    const again = (await ship.feed.read(context, slice))(slice);
    expect(sent.mock.calls.length).toBeLessThanOrEqual(4);
    expect(again).toBe(slice);
  });
});
