import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
const most = 600_000;

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

async function expectLittle(what: string, act: () => Promise<void>): Promise<void> {
  const before = await sent();
  await act();
  const bytes = (await sent()) - before;
  expect({ what, bytes: bytes < most ? 'few' : bytes }).toEqual({ what, bytes: 'few' });
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
    // These go through everything there is; the console shows a page, and says of how many.
    if (isMany) return;
    const questions = [
      ...(lists[noun] ?? []),
      ['snapshot', '--json'],
      ['doctor', '--json'],
      ['needs', '--json'],
    ];
    for (const words of questions) {
      await expectLittle(words.join(' '), async () => {
        const { code, stderr } = await runHere([...words], { url });
        expect({ words, code }).toEqual({ words, code: expect.toBeOneOf([0, 1, 4]) });
        expect(stderr).not.toMatch(/bug of quarterdeck/);
      });
    }
  });
});
