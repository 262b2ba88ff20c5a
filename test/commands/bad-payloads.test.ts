import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { features } from '../../source/features/index.ts';
import { runHere } from '../helpers/batch.ts';
import { oneOfEach } from '../helpers/one-of-each.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

/**
 * Whatever stands at the keys that features read, of whatever type: no command ends, what is well is shown, and what is
 * not is named. The seed of a failure is printed; `QUARTERDECK_FUZZ=2000` tries more.
 */

const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const server = await redisForThisFile();
const redis = server.client();
const url = server.url;
const seed = 20_261_129;
const numRuns = Number(process.env.QUARTERDECK_FUZZ ?? 25);

const hour = new Date().toISOString();
const keys: Readonly<Record<string, readonly string[]>> = {
  chat: ['chat:bad', 'msgs:bad', 'ids:bad', 'seen:bad', 'seen:tester'],
  ship: ['ship:bad', 'ship-files:bad', 'ship-parts:bad', 'ship-who:bad', 'ship-carry:bad', 'ship-aside:bad'],
  log: [
    'recent:bad:info',
    'common:bad:info',
    'common:bad:info:start',
    'common:bad:info:last',
    'common:bad:info:pstart',
    'common:bad:info:samples',
  ],
  limit: [
    'limit:bad:fixed:60000',
    'limit:bad:sliding:60000',
    'limit:bad:gcra:60000',
    'quarterdeck:limit:max',
  ],
  hits: [`hits:bad:10s:${hour.slice(0, 13)}`, `hits:bad:1h:${hour.slice(0, 10)}`, 'hits:bad:writers'],
  lock: ['lock:bad', 'lock-queue:bad', 'lock-fence:bad', 'lock-waiting:bad'],
  topic: [
    'topic:ids:bad',
    'topic:msgs:bad',
    'topic:state:bad',
    'topic:subs:bad',
    'topic:seats:bad',
    'topic:aside:bad:x',
  ],
  buffer: [
    'pending:bad',
    'pending:bad:inflight',
    'pending:bad:batch',
    'pending:bad:status',
    'pending:bad:oldest',
    'pending:bad:aside',
    'pending:bad:aside:why',
  ],
  sync: ['sync:bad', 'sync-failed:bad', 'sync-resume:bad'],
  needs: ['quarterdeck:acks'],
};
const lists: readonly string[] = [
  'chat list',
  'ship status',
  'log list',
  'limit list',
  'hits list',
  'lock list',
  'topic status',
  'buffer pending',
  'buffer aside',
  'sync status',
];
const shown = ['chat', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer'];

/** Names that the features' own records use, and some that every object has. */
const words = fc.constantFrom(
  ...[
    'id',
    'run',
    'expect',
    'budget',
    'used',
    'floor',
    'floorAt',
    'lapseMs',
    'target',
    'failure',
    'flusher',
    'last',
  ],
  ...[
    'x',
    '',
    '0',
    '-1',
    '1e999',
    'c:0',
    's:x',
    'blocked:x',
    'pace:x',
    'aside:x',
    'bad',
    'bad:info',
    'claimedMs',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'big', 'a\nb', '\u001B[31mred', '\u202Eevil'],
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((all) => Buffer.from(all)),
  fc.constantFrom(
    ...[[0], [0xed, 0xa0, 0x80], [0xff, 0xfe], [0x80], [0xf4, 0x90, 0x80, 0x80]].map((all) =>
      Buffer.from(all),
    ),
  ),
);
const numbers = fc.constantFrom(
  '0',
  '-1',
  '1.5',
  '1e400',
  '9007199254740993',
  '99999999999999999999',
  'nan',
  'inf',
  ' 7',
);
const json = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.dictionary(words, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 6 }).map((value) => JSON.stringify(value)),
  fc.constantFrom('{"id":', '[[[[', '{"__proto__":{"a":1}}', 'null', '"\\ud800"', `[${'['.repeat(2000)}`),
);
const text = fc.oneof(
  { weight: 4, arbitrary: json },
  { weight: 2, arbitrary: words },
  { weight: 2, arbitrary: numbers },
  { weight: 2, arbitrary: bytes },
  { weight: 1, arbitrary: fc.constant('x'.repeat(1_000_000)) },
);
const score = fc.constantFrom('0', '-1', '1.5', 'inf', '-inf', '9007199254740993', '1e300', '1');
const field = fc.oneof(words, bytes, numbers);
const content = fc.oneof(
  fc.record({ type: fc.constant('string' as const), values: fc.array(text, { minLength: 1, maxLength: 1 }) }),
  fc.record({ type: fc.constant('list' as const), values: fc.array(text, { minLength: 1, maxLength: 4 }) }),
  fc.record({ type: fc.constant('set' as const), values: fc.array(text, { minLength: 1, maxLength: 4 }) }),
  fc.record({
    type: fc.constant('zset' as const),
    values: fc.array(fc.tuple(score, text), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('hash' as const),
    values: fc.array(fc.tuple(field, text), { minLength: 1, maxLength: 6 }),
  }),
  fc.record({
    type: fc.constant('stream' as const),
    values: fc.array(fc.tuple(field, text), { minLength: 1, maxLength: 3 }),
  }),
);
type Content = typeof content extends fc.Arbitrary<infer Value> ? Value : never;

async function put(key: string, { type, values }: Content): Promise<void> {
  const flat = values.flat() as (string | Buffer)[];
  if (type === 'string') await redis.set(key, flat[0] ?? '');
  else if (type === 'list') await redis.rpush(key, ...flat);
  else if (type === 'set') await redis.sadd(key, ...flat);
  else if (type === 'zset') await redis.zadd(key, ...flat);
  else if (type === 'hash') await redis.hset(key, ...(flat as [string, string]));
  else await redis.xadd(key, '*', ...flat);
}

const bad = fc
  .constantFrom(...Object.entries(keys).flatMap(([noun, all]) => all.map((key) => ({ noun, key }))))
  .chain(({ noun, key }) => content.map((held) => ({ noun, key, held })));

async function fill(): Promise<void> {
  await redis.flushall();
  for (const line of oneOfEach('good')) expect(await runHere(line, { url })).toMatchObject({ code: 0 });
}

let kept: readonly (readonly [string, Buffer])[] = [];
beforeAll(async () => {
  await fill();
  const all = await redis.keys('*');
  kept = await Promise.all(
    all.map(async (key) => [key, (await redis.dumpBuffer(key)) ?? Buffer.alloc(0)] as const),
  );
});

async function reset(): Promise<void> {
  await redis.flushall();
  await Promise.all(kept.map(([key, dump]) => redis.restore(key, 0, dump)));
}

async function spoil(all: readonly { noun: string; key: string; held: Content }[]): Promise<void> {
  for (const { noun, key, held } of all) {
    await redis.del(key);
    await put(key, held);
    if (noun === 'needs' || key.startsWith('quarterdeck:')) continue;
    await redis.zadd(`quarterdeck:${noun}`, Date.now(), noun === 'log' ? 'bad:info' : 'bad');
  }
}

/** What a key has to be for its feature to read it. */
const types: Readonly<Record<string, Content['type']>> = {
  'chat:bad': 'zset',
  'msgs:bad': 'zset',
  'ids:bad': 'string',
  'ship:bad': 'hash',
  'ship-parts:bad': 'hash',
  'common:bad:info': 'zset',
  'common:bad:info:start': 'string',
  'lock:bad': 'string',
  'lock-queue:bad': 'zset',
  'topic:ids:bad': 'string',
  'topic:msgs:bad': 'stream',
  'topic:subs:bad': 'zset',
  'topic:state:bad': 'hash',
  'pending:bad': 'zset',
  'pending:bad:batch': 'hash',
  'sync:bad': 'hash',
};

test.each(Object.entries(types))('%s, where it is something else, is named', async (key, right) => {
  const noun = Object.keys(keys).find((one) => keys[one]?.includes(key)) ?? '';
  const [list = ''] = lists.filter((line) => line.startsWith(noun));
  await fc.assert(
    fc.asyncProperty(
      content.filter(({ type }) => type !== right),
      async (held) => {
        await reset();
        await spoil([{ noun, key, held }]);
        const silent: string[] = [];
        for (const line of ['snapshot --json', list, 'needs']) {
          const { stdout, stderr } = await runHere(line.split(' '), { url });
          if (!/bad/.test(stdout + stderr)) silent.push(line);
        }
        expect(silent).toEqual([]);
      },
    ),
    { seed, numRuns: Math.ceil(numRuns / 10) },
  );
});

test('commands', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(bad, { minLength: 1, maxLength: 4 }), async (all) => {
      await reset();
      await spoil(all);
      const questions = [...lists.map((line) => line.split(' ')), ['snapshot'], ['doctor'], ['needs']];
      for (const words of [...questions, ['watch', '--fail-if', 'server.clients > 0']]) {
        const ran = await runHere([...words, '--json'], { url });
        expect({ words, code: ran.code, stderr: ran.stderr }).toEqual({
          words,
          code: expect.toBeOneOf([0, 1, 4]),
          stderr: expect.not.stringMatching(/INTERNAL|bug of quarterdeck|undefined|\[object/),
        });
        if (words[0] !== 'snapshot') continue;
        const parts = JSON.parse(ran.stdout) as Record<string, unknown>;
        for (const noun of shown) {
          // What all of its kind share.
          const shared = all.find(({ noun: of, key }) => of === noun && key.startsWith('quarterdeck:'));
          if (shared && parts[noun] === null) expect(ran.stderr).toContain(shared.key);
          else
            expect({ noun, part: JSON.stringify(parts[noun]) }).toEqual({
              noun,
              part: expect.stringContaining('"good"'),
            });
        }
      }
    }),
    { seed, numRuns },
  );
}, 600_000);

/** A reading of every feature that began after `sinceMs`, with everything in it, and what came of it. */
async function readByAll(log: string, sinceMs: number): Promise<void> {
  type Logged = { readonly at: number; readonly event: string; readonly feature?: string };
  await vi.waitFor(() => {
    const began = new Set<string>();
    const over = new Set<string>();
    for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
      const { at, event, feature = '' } = JSON.parse(line) as Logged;
      if (event === 'question' && at >= sinceMs) began.add(feature);
      if (/^(answer|failure)$/.test(event) && began.has(feature)) over.add(feature);
    }
    expect([...over].toSorted()).toEqual(Object.keys(features).toSorted());
  });
}

test('the console, while it runs', async () => {
  await reset();
  const log = path.join(folder, 'console.log');
  const console = startPlay({
    args: [cli, '--url', url, '--view', 'all', '--log', log],
    columns: 200,
    rows: 60,
  });
  try {
    await console.shows('good');
    const samples = fc.sample(fc.array(bad, { minLength: 20, maxLength: 20 }), { seed, numRuns: 3 });
    for (const all of samples) {
      await reset();
      await spoil(all);
      await readByAll(log, Date.now());
      expect(console.lines().join('\n')).not.toMatch(/Cannot read properties|is not a function|\[object/);
      process.kill(console.pid, 0);
    }
    await reset();
    await console.shows('good');
    console.press('q');
    expect((await console.ended()).exitCode).toBe(0);
  } finally {
    await console.close();
  }
}, 120_000);
