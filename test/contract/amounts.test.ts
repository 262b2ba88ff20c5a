import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readAcks } from '../../source/commands/needs/acks.ts';
import { readConfig } from '../../source/config.ts';
import { QuarterdeckError } from '../../source/errors.ts';
import { features as known } from '../../source/features/index.ts';
import { connect } from '../../source/redis/connection/connect.ts';
import { beside, lists, places } from '../helpers/amounts.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * However much somebody stores in one place, whatever reads it is sent little. `npm run amounts` does the same with
 * 200 MB, and measures memory and time as well.
 */

const server = await redisForThisFile('--proto-max-bulk-len', '512mb');
const admin = server.client();
const url = server.url;

const amount = 4_000_000;
// A scan ends with the bucket that goes beyond its budget, and what is in one is up to the server's seed.
const most = 1_000_000;
/** Of small things without number: lists read as much as is bearable, and say what they did not. */
const many = { amount: 8_000_000, most: 3_000_000 };

// The same with less: what is bearable is a sixteenth here.
vi.mock('../../source/redis/allowance.ts', async (original) => ({
  ...(await original<typeof import('../../source/redis/allowance.ts')>()),
  mostOfOne: 512 * 1024,
  mostOfAll: 1024 ** 2,
  mostOfRounds: 1024 ** 2,
  mostOfNames: 1024 ** 2,
}));

const config = readConfig({}, { USER: 'tester', XDG_CONFIG_HOME: '/nonexistent', QUARTERDECK_URL: url });
const [connection] = connect(config);
if (!connection) throw new Error('Expected a connection');
const context = { redis: connection.ask, connections: [connection], config };
afterAll(() => connection.close());
const features = await Promise.all(Object.values(known).map((load) => load()));

type Kept = { readonly key: string; readonly value: Buffer };
let kept: readonly Kept[] = [];

beforeAll(async () => {
  for (const words of beside) expect(await runHere(words, { url })).toMatchObject({ code: 0 });
  const keys = await admin.keys('*');
  kept = await Promise.all(
    keys.map(async (key) => {
      const value = await admin.dumpBuffer(key);
      if (!value) throw new Error(`Expected ${key} to be there`);
      return { key, value };
    }),
  );
});

async function reset(): Promise<void> {
  await admin.flushall();
  await Promise.all(kept.map(({ key, value }) => admin.restore(key, 0, value)));
}

async function sent(): Promise<number> {
  return Number(/total_net_output_bytes:(\d+)/.exec(await admin.info('stats'))?.[1]);
}

async function expectLittle(what: string, act: () => Promise<void>, bound = most): Promise<void> {
  const before = await sent();
  await act();
  const bytes = (await sent()) - before;
  expect({ what, bytes: bytes < bound ? 'few' : bytes }).toEqual({ what, bytes: 'few' });
}

async function expectDone(words: readonly string[]): Promise<void> {
  const { code, stderr } = await runHere([...words], { url });
  expect({ words, code }).toEqual({ words, code: expect.toBeOneOf([0, 1, 4]) });
  expect(stderr).not.toMatch(/bug of quarterdeck/);
}

const nouns = [...new Set(places.map(({ noun }) => noun))];

describe.each(nouns)('%s', (noun) => {
  test.each(places.filter((place) => place.noun === noun))('$what', async ({ put, isMany }) => {
    await reset();
    await put(admin, amount);
    await expectLittle('readings of the console', async () => {
      await Promise.all(features.map(({ feed, initial }) => feed.read(context, initial(config))));
      await readAcks(context.redis).catch((error: unknown) => expect(error).toBeInstanceOf(QuarterdeckError));
    });
    if (isMany) {
      await put(admin, many.amount);
      const whole = [
        ['snapshot', '--json'],
        ['doctor', '--json'],
        ['needs', '--json'],
      ];
      for (const words of [...(lists[noun] ?? []), ...whole]) {
        await expectLittle(words.join(' '), async () => await expectDone(words), many.most);
      }
      return;
    }
    const questions = [
      ...(lists[noun] ?? []),
      ['snapshot', '--json'],
      ['doctor', '--json'],
      ['needs', '--json'],
    ];
    for (const words of questions) {
      await expectLittle(words.join(' '), async () => await expectDone(words));
    }
  });
});

test.each([
  [
    ['lock', 'list', '--json'],
    'lock',
    'waiters',
    /^quarterdeck: Only [\d,]+ of [\d,]+ waiters of `big` were read \(512K, cut\)$/m,
  ],
  [
    ['lock', 'list'],
    'lock',
    'long names in the index',
    /Only [\d,]+ of [\d,]+ names in `quarterdeck:lock` were read/,
  ],
  [
    ['lock', 'list'],
    'lock',
    'names in the index',
    /longer than names can be in `quarterdeck:lock`, and not listed/,
  ],
  [['chat', 'list', '--json'], 'chat', 'members', /Only [\d,]+ of [\d,]+ members of `big` were read/],
  [['topic', 'status'], 'topic', 'subscribers', /Only [\d,]+ of [\d,]+ subscribers of `big` were read/],
  [
    ['topic', 'aside', 'big'],
    'topic',
    'messages aside',
    /Only [\d,]+ of [\d,]+ messages aside of `slow` were read/,
  ],
  [['buffer', 'aside'], 'buffer', 'ids set aside', /Only [\d,]+ of [\d,]+ ids aside of `big` were read/],
  [['ship', 'aside'], 'ship', 'parts aside', /Only [\d,]+ of [\d,]+ parts aside of `big:` were read/],
  [['limit', 'list'], 'limit', 'limits', /Only [\d,]+ of [\d,]+ limits in `quarterdeck:limit` were read/],
  [['sync', 'status'], 'sync', 'records', /targets of 1 channel were not read/],
] as const)('%s says that %s: %s are cut', async (words, noun, what, said) => {
  await reset();
  await places.find((place) => place.noun === noun && place.what === what)?.put(admin, many.amount);
  const { stderr } = await runHere([...words], { url });
  expect(stderr).toMatch(said);
});

test('needs stop as lists do, and that they did is the first of them', async () => {
  await reset();
  await places.find((place) => place.what === 'records')?.put(admin, many.amount);
  const { code, stdout } = await runHere(['needs', '--json'], { url });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({
      id: 'sync.unread sync',
      severity: 'bad',
      words: expect.stringMatching(
        /^not read: only 0 of 1 names were looked at to the end \(1.0M, cut\), and \d+ rows are known$/,
      ),
    }),
  );
});

test('watch looks more seldom where a look is long, and says how often', async () => {
  await reset();
  await places.find((place) => place.what === 'records')?.put(admin, many.amount);
  const ended = new AbortController();
  const words = ['watch', '--pane', 'sync', '--json', '--every', '10ms'];
  const watching = runHere(words, { url, ended: ended.signal });
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThan(1024 ** 2), { timeout: 20_000 });
  const before = await sent();
  const beganAtMs = performance.now();
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThan(before + 2 * 1024 ** 2), {
    timeout: 20_000,
  });
  const ms = performance.now() - beganAtMs;
  ended.abort();
  expect((await watching).stderr).toMatch(
    /A look takes 1\.\dM of the server: the next ones come every 1\.\ds, not every 0\.0s/,
  );
  expect(((await sent()) - before) / ms).toBeLessThan(2500);
});
