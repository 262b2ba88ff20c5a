import { renderToString } from 'ink';
import { makeRegistry } from '../../source/commands/needs/needs.ts';
import { commandTable } from '../../source/commands/palette.ts';
import { readConfig } from '../../source/config.ts';
import { loadPanes } from '../../source/console/mount.tsx';
import { screenOf } from '../../source/console/pane-watch.ts';
import { App, type LoadedFeature } from '../../source/console/view/app.tsx';
import * as buffer from '../../source/features/buffer/state.ts';
import * as chat from '../../source/features/chat/state.ts';
import * as hits from '../../source/features/hits/state.ts';
import { type AnyFeature, features as allFeatures } from '../../source/features/index.ts';
import * as limit from '../../source/features/limit/state.ts';
import * as lock from '../../source/features/lock/state.ts';
import * as log from '../../source/features/log/state.ts';
import * as shards from '../../source/features/shards/state.ts';
import * as ship from '../../source/features/ship/state.ts';
import { unused } from '../../source/features/sync/record.ts';
import * as sync from '../../source/features/sync/state.ts';
import * as topic from '../../source/features/topic/state.ts';
import {
  changeScreen,
  makeStore,
  marksOf,
  type Screen,
  type State,
  type Store,
} from '../../source/store/store.ts';
import { StoreContext } from '../../source/store/use-store.ts';
import { reading as lockReading } from '../lock/slices.ts';
import { subscriber, topic as topicOf } from '../topic/slices.ts';

/** The console over a server with something of everything, some of it in trouble, at one moment that never changes. */

/** 20 Nov 2026 15:53:07 UTC. */
export const nowMs = Date.UTC(2026, 10, 20, 15, 53, 7);
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const MiB = 1024 ** 2;

function say(id: number, sender: string, message: string, agoMs: number) {
  return { id, at: nowMs - agoMs, sender, message };
}

const messages = [
  say(1, 'oncall', 'shipping waits for consumer 2 again', 12 * minute),
  say(2, 'storage', 'on it, its disk was full', 11 * minute),
  say(3, 'storage', 'freed 40G, restarted consume --as 2', 9 * minute),
  say(4, 'deploy', 'ci-14 took deploy:web, fence 88213', 6 * minute),
  say(5, 'bob', 'limits on key:7f3 look wrong; who knows the partner behind it? — 日本語 ✓', 2 * minute),
  say(6, 'storage', '2 reads again, 14 parts behind', 20 * second),
];

function room(name: string, memberCount: number, lastId: number, seen: number | undefined): chat.Room {
  const own = seen === undefined ? undefined : { seen, unread: lastId - seen };
  return { room: name, channel: `chat:${name}`, memberCount, lastId, own };
}

function chatSlice(): chat.ChatSlice {
  const rooms = [room('room10', 2, 4, undefined), room('room2', 3, 9, 7), room('ops', 6, 6, 4)];
  const open = {
    room: room('ops', 6, 6, 4),
    members: [
      { name: 'oncall', unread: 2, writesOnly: false },
      { name: 'deploy', unread: 1, writesOnly: true },
      { name: 'storage', unread: 0, writesOnly: false },
    ],
    entries: messages,
    isPartial: false,
    after: 0,
  };
  return chat.learn({ ...chat.initial('oncall'), selected: 'ops' }, { all: { rooms, wrong: [] }, open });
}

function part(name: string, bytes: number, finished: string, more: Partial<ship.PartRow> = {}): ship.PartRow {
  return {
    part: name,
    file: name.replace(/~\d+/, ''),
    bytes,
    share: 90,
    finished: finished.split('').filter((id) => id !== '·'),
    missing: ['0', '1', '2'].filter((id) => !finished.includes(id)),
    aside: [],
    state: finished === '···' ? 'announced' : 'reading',
    ...more,
  };
}

function shipSlice(): ship.ShipSlice {
  const shown: ship.ChannelRow = {
    channel: 'logs:',
    budgetBytes: 64 * MiB,
    usedBytes: 60.2 * MiB,
    peakBytes: 63.8 * MiB,
    state: 'stalled',
    reason: 'consumer 2 owes 14 parts, last seen 252s ago',
    files: 40,
    filesFound: 131,
    bytes: 9800 * MiB,
    bytesFound: 12_400 * MiB,
    parts: [
      part('nginx/access.log.1~117', 4 * MiB, '01·'),
      part('nginx/access.log.1~118', 4 * MiB, '01·'),
      part('app/worker.log~1.gz', 3.2 * MiB, '0··'),
      part('nginx/access.log.1~119', 4 * MiB, '···', { state: 'writing', share: undefined }),
    ],
    partsInRedis: 4,
    consumers: [
      { id: '0', lag: 1, aside: 0, state: 'live', silentSinceMs: undefined },
      { id: '1', lag: 1, aside: 0, state: 'live', silentSinceMs: undefined },
      { id: '2', lag: 14, aside: 0, state: 'stalled', silentSinceMs: nowMs - 252 * second },
    ],
  };
  let slice: ship.ShipSlice = ship.initial;
  for (let reading = 1; reading <= 20; reading += 1) {
    const bytes = shown.bytes - (20 - reading) * (reading % 7) * MiB;
    slice = ship.learn(slice, {
      channels: ['logs:', 'web:'],
      shown: { ...shown, bytes },
      at: reading * second,
    });
  }
  return slice;
}

function logSlice(): log.LogSlice {
  const hourMs = Date.UTC(2026, 10, 20, 15);
  const entry = (rank: number, was: number | null, count: number, previous: number, message: string) => ({
    rank,
    previousRank: was,
    count,
    previous,
    message,
    sample: message.replaceAll('<*>', '10.0.0.7'),
  });
  const web = { name: 'web', severity: 'error' };
  return log.learn(
    { ...log.initial, selected: web },
    {
      logs: [{ name: 'audit', severity: 'error' }, { name: 'db', severity: 'info' }, web],
      selected: web,
      board: {
        hourMs,
        previousHourMs: hourMs - hour,
        elapsedMinutes: 53,
        total: 61_204,
        distinct: 38,
        previousTotal: 60_010,
        entries: [
          entry(1, 1, 8412, 9020, 'upstream timed out <*>'),
          entry(2, 6, 3977, 212, '429 returned to <*>'),
          entry(3, 2, 611, 640, 'reset by peer <*>'),
          entry(4, null, 377, 0, 'disk full writing <*>'),
          entry(5, 3, 95, 310, 'retrying job <*>'),
        ],
        gone: [{ message: 'certificate expires in <*> days', previous: 44 }],
      },
      recent: [{ at: nowMs - minute, message: 'reset by peer 10.0.0.7', template: 'reset by peer <*>' }],
    },
  );
}

function limitSlice(): limit.LimitSlice {
  const use = (subject: string, used: number, most: number, more = {}) => ({
    subject,
    algorithm: 'fixed' as const,
    limit: most,
    perMs: minute,
    used,
    remaining: most - used,
    resetMs: used > 0 ? 38 * second : 0,
    denied: 0,
    ...more,
  });
  const limits = [
    use('key:7f3', 20, 20, { denied: 3977 }),
    use('key:a10', 17, 20, { algorithm: 'gcra' as const }),
    use('signup', 55, 240, { algorithm: 'sliding' as const, perMs: hour }),
    ...Array.from({ length: 27 }, (_, index) => use(`ip:10.0.0.${index + 1}`, 2, 100)),
  ];
  let slice = { ...limit.initial, next: 0 };
  for (let used = 2; used <= 20; used += 2) {
    const now = limits.map((one) =>
      one.subject === 'key:7f3' ? { ...one, used, remaining: 20 - used } : one,
    );
    slice = limit.learn(slice, { total: limits.length, skip: 0, nowMs, limits: now });
  }
  return slice;
}

function hitsSlice(): hits.HitsSlice {
  const wave = (height: number, shift: number): number[] =>
    Array.from({ length: hits.pointsEach }, (_, i) => Math.round(height * (1 + Math.sin((i + shift) / 15))));
  const quiet = new Array<number>(hits.pointsEach).fill(0);
  return hits.learn(hits.initial, {
    names: ['api', 'mail', 'web'],
    total: 3,
    sums: [
      { series: 'api', today: 811_204, yesterday: 503_000, lastHour: 61_002 },
      { series: 'mail', today: 0, yesterday: 2051, lastHour: 0 },
      { series: 'web', today: 1_920_411, yesterday: 1_846_000, lastHour: 120_020 },
    ],
    charts: {
      stepMs: minute,
      untilMs: nowMs,
      points: { api: wave(400, 40), mail: quiet, web: wave(900, 0) },
    },
    next: 0,
  });
}

function lockSlice(): lock.LockSlice {
  const [first] = lockReading.locks;
  const jobs = first
    ? Array.from({ length: 12 }, (_, index) => ({
        ...first,
        name: `job:${index + 1}`,
        owner: `worker-${index + 1}:81`,
        waiting: 0,
        waiters: [],
      }))
    : [];
  const locks = [...lockReading.locks, ...jobs];
  return lock.learn(lock.initial, {
    ...lockReading,
    nowMs,
    known: locks.length,
    looked: locks.length,
    locks,
  });
}

function topicSlice(): topic.TopicSlice {
  let slice = topic.initial;
  for (const lag of [900, 1800, 3600, 5000, 6600, 8114]) {
    const importance = { position: 90_000 - lag, lag, oldestAt: nowMs - 542 * second };
    slice = topic.learn(slice, {
      wrong: [],
      nowMs,
      topics: [
        topicOf('news', [
          subscriber('importance', importance),
          subscriber('sentiment', { position: 89_988, lag: 12, oldestAt: nowMs - 300 }),
        ]),
        topicOf('orders', [
          subscriber('audit', {
            position: 48_663,
            lag: 41_337,
            state: 'idle',
            seenMs: nowMs - 51 * hour,
            oldestAt: nowMs - 51 * hour,
          }),
          subscriber('billing', { position: 90_000 }),
          ...[10, 2, 1].map((shard) => subscriber(`search-${shard}`, { position: 90_000 })),
          subscriber('mailer', {
            position: 89_999,
            lag: 1,
            oldestAt: nowMs - 5 * second,
            state: 'idle',
            blocked: { id: 90_000, attempts: 6, error: '`./mail.sh` exited with 1' },
          }),
        ]),
        topicOf('ping', [], { lastId: 3, retained: 3, bytes: 400 }),
      ],
    });
  }
  return slice;
}

function bufferSlice(): buffer.BufferSlice {
  const target = { to: 'postgres://app@db-1/app', table: 'project', key: 'id', column: 'count' };
  const last = { rows: 2988, total: 84_204, durationMs: 300, atMs: nowMs - 9 * second };
  const flusher = { everyMs: 10 * second, seenMs: nowMs - 3 * second };
  const reading = (type: string, more: Partial<buffer.Reading> = {}): buffer.Reading => ({
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
  });
  const message = 'Cannot open postgres://app@db-1/app: connect ECONNREFUSED 10.0.0.7:5432';
  const failure = { attempts: 2, message, sinceMs: nowMs - 4 * minute, retryAtMs: nowMs + 7600 };
  return buffer.learn(
    buffer.initialSlice,
    [
      reading('project', {
        ids: 3112,
        total: 88_120,
        oldestMs: nowMs - 9 * second,
        status: { last, flusher, target },
      }),
      reading('views', {
        ids: 870,
        total: 4006,
        oldestMs: nowMs - 252 * second,
        status: { last, flusher, target, failure },
      }),
    ],
    nowMs,
  );
}

function syncSlice(): sync.SyncSlice {
  const { marker: _marker, place: _place, highs: _highs, ...shown } = unused('/srv/img');
  const target = (news: Partial<sync.Target>): sync.Target => {
    const whole = {
      ...shown,
      channel: 'new_files',
      target: 'cdn1:/srv/img',
      state: 'live',
      condition: 'live',
      queued: 3,
      failed: 0,
      synced: 12_481,
      lastFiles: 41,
      lastBytes: 2_306_867,
      lastBatchAt: nowMs - minute,
      lastFullAt: nowMs - 14 * minute,
      ...news,
    } as const;
    return { ...whole, condition: sync.conditionOf(whole) };
  };
  const reason = 'send_files failed to open "/srv/img/a/secret": Permission denied (13)';
  return sync.learn(sync.initial, {
    targets: [
      target({ failed: 2, failures: [{ path: 'a/secret', reason }] }),
      target({ target: 'cdn10:/srv/img', queued: 0 }),
      target({ target: 'cdn2:/srv/img', queued: 0 }),
    ],
  });
}

function shardsSlice(): shards.ShardsSlice {
  const up: shards.Server = {
    shard: 0,
    url: 'redis://10.0.0.1:6379',
    role: 'primary',
    state: 'up',
    usedBytes: 212 * MiB,
    maxBytes: 1024 * MiB,
    opsPerSec: 2100,
    clients: 41,
    keys: 81_204,
  };
  const servers: readonly shards.Server[] = [
    up,
    { ...up, url: 'redis://10.0.0.4:6379', role: 'replica', lagSeconds: 0 },
  ];
  return shards.learn(shards.initial, servers, undefined, nowMs);
}

/** By noun, as the readings of one moment leave them. */
export const filledSlices: Readonly<Record<string, unknown>> = {
  chat: chatSlice(),
  ship: shipSlice(),
  log: logSlice(),
  limit: limitSlice(),
  hits: hitsSlice(),
  lock: lockSlice(),
  topic: topicSlice(),
  buffer: bufferSlice(),
  sync: syncSlice(),
  shards: shardsSlice(),
};

/** Of what is read and holds nothing, where that is not how a feature begins. */
export const emptySlices: Readonly<Record<string, unknown>> = {
  chat: chat.learn(chat.initial('oncall'), { all: { rooms: [], wrong: [] }, open: undefined }),
  ship: ship.learn(ship.initial, { channels: [], shown: undefined, at: 0 }),
  log: log.learn(log.initial, { logs: [], selected: undefined, board: undefined, recent: undefined }),
  limit: limit.learn(limit.initial, { total: 0, skip: 0, nowMs, limits: [] }),
  hits: hits.learn(hits.initial, { names: [], total: 0, sums: [], next: 0 }),
  lock: lock.learn(lock.initial, { ...lockReading, nowMs, known: 0, looked: 0, locks: [] }),
  topic: topic.learn(topic.initial, { topics: [], wrong: [], nowMs }),
  buffer: buffer.learn(buffer.initialSlice, [], nowMs),
  sync: sync.learn(sync.initial, { targets: [] }),
};

export type FilledConsole = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  /** The whole screen, with its styles. */
  paint(screen?: Partial<Screen>): string;
};

/** @param news what is otherwise about it, such as a feature that holds nothing */
export async function filledConsole({ slices = {}, ...news }: Partial<State> = {}): Promise<FilledConsole> {
  const features = await Promise.all(Object.values(allFeatures).map((load) => load()));
  const config = readConfig({ url: ['redis://10.0.0.1'] }, { HOME: '/nowhere', USER: 'oncall' });
  const loaded: readonly LoadedFeature[] = await loadPanes(features);
  const store = makeStore({
    slices: { ...filledSlices, ...slices },
    focus: 'topic',
    columns: 120,
    rows: 40,
    connection: {
      name: 'live',
      sinceMs: nowMs - hour,
      attempt: 0,
      url: 'redis://10.0.0.1:6379',
      kind: 'standalone',
    },
  });
  const fresh = { name: 'fresh', learnedAtMs: nowMs } as const;
  store.setState({
    server: {
      version: '8.0.2',
      role: 'master',
      usedBytes: 212 * MiB,
      maxBytes: 1024 * MiB,
      commandsPerSecond: 2100,
    },
    ownCommandsPerSecond: 11,
    freshness: Object.fromEntries(features.map(({ noun }) => [noun, fresh])),
    ...news,
  });
  changeScreen(store, { nowMs });
  const needs = makeRegistry(config.needs, features).open({
    features,
    slices: store.getState().slices,
    nowMs,
    acks: new Map(),
    own: [],
  });
  store.setState({ needs, marks: marksOf(needs, {}) });
  changeScreen(store, screenOf(store.getState(), features));
  const table = commandTable(features, {});
  return {
    store,
    features,
    paint(screen = {}) {
      changeScreen(store, screen);
      return renderToString(
        <StoreContext value={store}>
          <App loaded={loaded} context={config.context} table={() => table} views={() => []} />
        </StoreContext>,
        { columns: store.getState().screen.columns },
      );
    },
  };
}
