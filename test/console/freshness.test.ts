import { afterEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { type Engine, startEngine } from '../../source/console/engine.ts';
import { staleAfterMs } from '../../source/features/feature.ts';
import type { AnyFeature } from '../../source/features/index.ts';
import type { Client } from '../../source/redis/client.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { changeScreen, makeStore, type Store } from '../../source/store/store.ts';
import { initialList } from '../../source/ui/list.ts';
import { makeFeature } from '../helpers/feature.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// What is called live or fresh must be so, whatever the server, the load and the operator do.

const server = await redisForThisFile();
const config = readConfig({ url: [server.url] }, { HOME: '/nowhere', USER: 'ada' });
let running: { engine: Engine; connection: Connection } | undefined;
afterEach(() => {
  running?.engine.stop();
  running?.connection.close();
  running = undefined;
});

/** A feature whose reading is so many commands. */
function feature(noun: string, everyMs: number, read: (redis: Client) => Promise<unknown>): AnyFeature {
  return {
    ...makeFeature({ noun }),
    feed: {
      everyMs,
      async read({ redis }: { redis: Client }) {
        await read(redis);
        return (slice: unknown) => slice;
      },
    },
  };
}

async function start(
  features: readonly AnyFeature[],
): Promise<{ store: Store; connection: Connection; engine: Engine }> {
  const [connection] = connect(config) as [Connection];
  await connection.ready(10_000);
  const store = makeStore({
    slices: Object.fromEntries(features.map((feature) => [feature.noun, feature.initial(config)])),
    focus: features[0]?.noun ?? '',
    columns: 80,
    rows: 24,
    connection: { ...connection.state(), url: server.url, kind: 'standalone' },
  });
  const engine = startEngine({ connections: [connection], config, store, features });
  running = { engine, connection };
  await engine.settled();
  return { store, connection, engine };
}

const silence = (store: Store): number | undefined => store.getState().connection.silentSinceMs;

test('a server that hangs is not live, though its sockets stay open, and is so again when it answers', async () => {
  const { store } = await start([feature('quiet', 60_000, (redis) => redis.ping())]);
  server.signal('SIGSTOP');
  const stoppedAtMs = Date.now();
  try {
    await vi.waitFor(() => expect(silence(store)).toBeDefined());
    // The last answer came before it stopped, or was on its way just then.
    expect(silence(store)).toBeLessThan(stoppedAtMs + 500);
    expect(store.getState().connection.name).toBe('live');
  } finally {
    server.signal('SIGCONT');
  }
  await vi.waitFor(() => expect(silence(store)).toBeUndefined());
});

test('a quiet console goes on asking whether the server is there', async () => {
  const { store, connection } = await start([feature('quiet', 60_000, (redis) => redis.ping())]);
  const sent = connection.sent();
  await vi.waitFor(() => expect(connection.sent()).toBeGreaterThan(sent + 2));
  expect(silence(store)).toBeUndefined();
});

test('what one feature costs slows polling down, and calls no pane stale', async () => {
  let cheap = 0;
  let dear = 0;
  const many = Array.from({ length: 60 }, (_, index) => `key:${index}`);
  const features = [
    feature('cheap', 1000, async (redis) => {
      cheap += 1;
      await redis.ping();
    }),
    feature('dear', 1000, async (redis) => {
      dear += 1;
      await Promise.all(many.map((key) => redis.exists(key)));
    }),
  ];
  const { store } = await start(features);
  const names = new Set<string>();
  store.subscribe(({ freshness }) => {
    for (const { name } of Object.values(freshness)) names.add(name);
  });
  // At first every second; then as rarely as a pane of a second may be asked, and no more rarely.
  await vi.waitFor(() => expect(dear).toBeGreaterThan(3));
  const [cheapBefore, dearBefore, beganMs] = [cheap, dear, performance.now()];
  await vi.waitFor(() => expect(dear).toBeGreaterThanOrEqual(dearBefore + 4));
  const seconds = (performance.now() - beganMs) / 1000;
  expect(seconds / 4).toBeGreaterThan(2);
  expect(seconds / Math.max(1, cheap - cheapBefore)).toBeLessThan(staleAfterMs({ everyMs: 1000 }) / 1000);
  expect([...names]).toEqual(['fresh']);
});

test('a feature that holds nothing is asked more seldom, unless somebody looks at it, and is never stale', async () => {
  const asked: Record<string, number> = { full: 0, empty: 0 };
  const counting = (noun: string): AnyFeature =>
    feature(noun, 500, async () => (asked[noun] = (asked[noun] ?? 0) + 1));
  const empty: AnyFeature = { ...counting('empty'), initial: () => ({ rows: [], list: initialList }) };
  const { store } = await start([counting('full'), empty]);
  const names = new Set<string>();
  store.subscribe(({ freshness }) => {
    for (const { name } of Object.values(freshness)) names.add(name);
  });
  const during = async (readings: number): Promise<number> => {
    const [full = 0, rest = 0] = [asked.full, asked.empty];
    await vi.waitFor(() => expect(asked.full).toBeGreaterThanOrEqual(full + readings), { timeout: 20_000 });
    return (asked.empty ?? 0) - rest;
  };
  expect(await during(12)).toBeLessThanOrEqual(6);
  changeScreen(store, { focus: 'empty' });
  await during(3);
  expect(await during(12)).toBeGreaterThanOrEqual(8);
  expect([...names]).toEqual(['fresh']);
});

test('what the operator asks for does not slow polling down', async () => {
  let asked = 0;
  const { connection, engine } = await start([
    feature('cheap', 500, async (redis) => {
      asked += 1;
      await redis.ping();
    }),
  ]);
  // Beyond the readings that tell of the start.
  await vi.waitFor(() => expect(asked).toBeGreaterThan(12));
  const included = engine.exclude();
  for (let batch = 0; batch < 50; batch += 1) {
    await Promise.all(Array.from({ length: 200 }, () => connection.ask.exists('key')));
  }
  included();
  const [before, beganMs] = [asked, performance.now()];
  await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(before + 8));
  expect((performance.now() - beganMs) / 8).toBeLessThan(1000);
});

test('a pane whose reading never comes back is stale after a fixed time', async () => {
  let isHanging = false;
  const hanging = new Promise<void>(() => {});
  const { store } = await start([
    feature('stuck', 500, async (redis) => {
      if (isHanging) await hanging;
      await redis.ping();
    }),
  ]);
  isHanging = true;
  await vi.waitFor(() => expect(store.getState().freshness.stuck?.name).toBe('stale'));
  const { learnedAtMs = 0 } = store.getState().freshness.stuck ?? {};
  expect(Date.now() - learnedAtMs).toBeGreaterThanOrEqual(staleAfterMs({ everyMs: 500 }));
  // The server itself answers all the while.
  expect(silence(store)).toBeUndefined();
});
