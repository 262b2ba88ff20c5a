import { beforeEach, describe, expect, test } from 'vitest';
import { hits, limit, lock, type log, type QuarterdeckError } from '../../source/index.ts';
import { runHere } from '../helpers/batch.ts';
import { oneOfEach } from '../helpers/one-of-each.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Whole numbers that stand in Redis are exact, or refused with the key named: never rounded, never 0, never missing without
 * a word. One that cannot be read hides no other.
 */

const server = await redisForThisFile();
const redis = server.client();
const url = server.url;

type Place = {
  readonly what: string;
  /** Lets a thing called `bad` hold this number there, as another program might. */
  put(value: string): Promise<unknown>;
  /** The command that prints it. */
  readonly command: readonly string[];
  /** What the library has of it. */
  readonly library?: { list: typeof lock.list | typeof hits.list | typeof log.list | typeof limit.list };
  /** What names it where it is refused. */
  readonly named: RegExp;
  /** Scores are doubles: texts that are none cannot stand there. */
  readonly isScore?: true;
};

async function putChannel(name: string, changes: Readonly<Record<string, string>>): Promise<void> {
  const terms = { run: 'r', limit: '1048576', consumers: '1', expect: '0', shippers: '0' };
  const figures = { budget: '1048576', used: '0', peak: '0', files: '0', bytes: '0', parts: '0' };
  await redis.hset(`ship:${name}`, { ...terms, ...figures, ...changes });
  await redis.zadd('quarterdeck:ship', Date.now(), name);
}

const record = { base: '/srv', lastBatchAt: 1, lastFullAt: 1, synced: 1, missedByEvents: 0, error: null };
/** A number as it is written in JSON, also where it is none that JavaScript could hold. */
const recordWith = (field: string, value: string): string =>
  JSON.stringify({ ...record, [field]: '#' }).replace(
    '"#"',
    /^-?\d/.test(value) ? value : JSON.stringify(value),
  );

const places: readonly Place[] = [
  ...['lock-fence:bad'].map((key) => ({
    what: 'fence of a lock',
    put: async (value: string) => {
      await runHere(['lock', 'acquire', 'bad', '--ttl', '1h'], { url });
      await redis.set(key, value);
    },
    command: ['lock', 'list'],
    library: lock,
    named: /bad/,
  })),
  ...(['10s', '1h'] as const).map(
    (step): Place => ({
      what: `count of hits in hashes of ${step}`,
      async put(value) {
        await runHere(['hits', 'add', 'bad', '1'], { url });
        const keys = await redis.keys(step === '10s' ? 'hits:bad:1*' : 'hits:bad:1h:*');
        for (const key of keys)
          for (const field of Object.keys(await redis.hgetall(key))) await redis.hset(key, field, value);
      },
      command: ['hits', 'list'],
      library: hits,
      named: /hits:bad/,
    }),
  ),
  ...['max', 'denied'].map(
    (what): Place => ({
      what: `${what} of a limit`,
      async put(value) {
        await runHere(['limit', 'hit', 'bad', '--max', '7', '--per', '1h'], { url });
        await redis.hset(`quarterdeck:limit:${what}`, 'fixed:3600000:bad', value);
      },
      command: ['limit', 'list'],
      library: limit,
      named: /\bbad\b/,
    }),
  ),
  {
    what: 'count of a message of a log',
    async put(value) {
      await runHere(['log', 'write', 'bad', 'started'], { url });
      await redis.zadd('common:bad:info', value, 'started');
    },
    command: ['log', 'common', 'bad'],
    named: /bad/,
    isScore: true,
  },
  {
    what: 'last id of a room',
    async put(value) {
      await runHere(['chat', 'create', 'bad', '--members', 'ann'], { url });
      await redis.set('ids:bad', value);
    },
    command: ['chat', 'list'],
    named: /bad/,
  },
  {
    what: 'what a member has seen',
    async put(value) {
      await runHere(['chat', 'create', 'bad', '--members', 'ann'], { url });
      await redis.zadd('chat:bad', value, 'ann');
    },
    command: ['chat', 'list'],
    named: /bad/,
    isScore: true,
  },
  {
    what: 'last id of a topic',
    async put(value) {
      await runHere(['topic', 'publish', 'bad', 'x'], { url });
      await redis.set('topic:ids:bad', value);
    },
    command: ['topic', 'status'],
    named: /bad/,
  },
  {
    what: 'floor of a topic',
    async put(value) {
      await runHere(['topic', 'publish', 'bad', 'x'], { url });
      await redis.hset('topic:state:bad', 'floor', value);
    },
    command: ['topic', 'status'],
    named: /bad/,
  },
  {
    what: 'position of a subscriber',
    async put(value) {
      await runHere(['topic', 'publish', 'bad', 'x'], { url });
      await redis.zadd('topic:subs:bad', value, 'one');
    },
    command: ['topic', 'status'],
    named: /bad/,
    isScore: true,
  },
  {
    what: 'lapse time of a topic',
    async put(value) {
      await runHere(['topic', 'publish', 'bad', 'x'], { url });
      await redis.hset('topic:state:bad', 'lapseMs', value);
    },
    command: ['topic', 'status'],
    named: /bad/,
  },
  ...['budget', 'used', 'peak', 'files', 'bytes', 'parts'].map(
    (field): Place => ({
      what: `${field} of a channel of ship`,
      async put(value) {
        await putChannel('good', {});
        await putChannel('bad', { [field]: value });
      },
      command: ['ship', 'status'],
      named: /ship:bad/,
    }),
  ),
  ...['synced', 'missedByEvents', 'lastBatchAt', 'failed', 'known'].map(
    (field): Place => ({
      what: `${field} of a target of sync`,
      async put(value) {
        await redis.hset('sync:bad', 'backup', recordWith(field, value), 'good', recordWith('synced', '1'));
        await redis.zadd('quarterdeck:sync', Date.now(), 'bad');
      },
      command: ['sync', 'status'],
      named: /sync:bad.*backup/,
    }),
  ),
];

const stored = ['9007199254740992', '9007199254740993', '9223372036854775807', '-1', '1.5', 'abc', ''];

const roundings = /900719925474099[24]|922337203685477(?!5807)|NaN|Infinity/;

const holds = (text: string, value: string): boolean =>
  value !== '' && new RegExp(`(?<![\\d.-])${value.replace('.', '\\.')}(?![\\d.])`).test(text);

describe.each(places)('$what', ({ put, command, library, named, isScore }) => {
  const values = stored.filter((text) => !isScore || (text !== '' && Number.isFinite(Number(text))));

  beforeEach(async () => {
    await redis.flushall();
    for (const words of oneOfEach('good')) await runHere(words, { url });
  });

  test.each(values)('%j is exact or refused by the command', async (value) => {
    await put(value);
    const { code, stdout, stderr } = await runHere([...command, '--json'], { url });
    const isRefused = named.test(stderr);
    expect({ isExact: holds(stdout, value) || isRefused, stdout, stderr }).toMatchObject({ isExact: true });
    expect([0, 4]).toContain(code);
    expect(stderr).not.toContain('bug');
    // What is shown of a number that is not exact would be another one.
    expect(stdout).not.toMatch(roundings);
    if (command.at(-1) !== 'bad') expect(stdout).toContain('good');
  });

  test.each(library ? values : [])('%j is exact or refused by the library', async (value) => {
    await put(value);
    const warnings: QuarterdeckError[] = [];
    const onEvent = (event: { readonly error: QuarterdeckError }): void => void warnings.push(event.error);
    const rows = JSON.stringify(await library?.list(redis, { onEvent }));
    const isRefused = warnings.some(({ message }) => named.test(message));
    expect({ isExact: holds(rows, value) || isRefused, rows, warnings }).toMatchObject({ isExact: true });
    expect(rows).not.toMatch(roundings);
    expect(rows).toContain('good');
  });
});
