import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { targetName } from '../../source/features/sync/keys.ts';
import {
  buffer,
  chat,
  hits,
  type Redis as LibraryClient,
  limit,
  lock,
  log,
  QuarterdeckError,
  ship,
  sync,
  topic,
} from '../../source/index.ts';
import { runHere } from '../helpers/batch.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * Which names there may be, through both doors: a call of the library and a command. Each name is refused as a usage error
 * that says what is wrong with it, by both doors alike; or the thing exists under this very name beside all others, with
 * what belongs to it and to nothing else.
 */

const server = await redisForThisFile();
const redis = server.client();
const url = server.url;
const base = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
const file = path.join(base, 'f.txt');
writeFileSync(file, 'one line\n');
afterAll(() => rmSync(base, { recursive: true }));

/** What stands behind or before a name in keys of any feature. */
const suffixes = [
  ...[':last', ':start', ':pstart', ':samples', ':patterns', ':guard', ':guard:x', ':error', ':info'],
  ...[
    ':inflight',
    ':batch',
    ':oldest',
    ':settled',
    ':status',
    ':aside',
    ':aside:why',
    ':aside:due',
    ':seq:x',
  ],
  ...[':fixed:60000', ':gcra:60000', ':max', ':denied', ':10s:2026-11-29T11', ':1h:2026-11-29', ':writers'],
  ...[':done', ':pending', ':176440000', ':1764400000', ':members', ':0', '>b'],
];
const characters = [
  ...[
    ' ',
    '\t',
    '\n',
    '\r\n',
    ':',
    '::',
    '{',
    '}',
    '{}',
    '{a}',
    'a{b}c',
    '}a',
    '*',
    '?',
    '[a]',
    '\\',
    '/',
    ',',
  ],
  ...[
    '\0',
    '"',
    "'",
    '`',
    '$(x)',
    '%s',
    '\u001B[31m',
    '\u202E',
    '\u200B',
    '\uFEFF',
    '\uFFFD',
    'é',
    'e\u0301',
    '😀',
  ],
];
const valid = 'thing';
const names: readonly string[] = [
  ...new Set([
    ...[valid, '', '0', '7', '-1', '1e3', 'NaN', 'null', 'undefined', 'true', '-', '--', '.', '..'],
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'chat:', 'chat', 'pubsub'],
    ...['\uD83D', '\uDE00', 'a\uD83D', '\uDE00\uD83D'],
    ...['x'.repeat(512), 'é'.repeat(256), 'x'.repeat(513), 'é'.repeat(257), 'x'.repeat(1_000_000)],
    ...characters.flatMap((text) => [text, `a${text}`, `${text}b`, `a${text}b`]),
    ...suffixes.flatMap((text) => ['', 'a', 'b', 'a:b'].map((name) => name + text)),
    ...['a', 'b', 'a:b', 'a:b:c', 'b:c', 'c'],
  ]),
];
const noTexts: readonly unknown[] = [
  ...[undefined, null, 7, Number.NaN, 2 ** 53, true, 7n, Symbol('a')],
  ...[{}, [], ['a'], Object.create(null), { toString: () => 'a' }, Buffer.from('a'), () => 'a'],
];

/** Of those, some of every kind, for what takes long to make. */
const few: readonly string[] = [
  ...[
    valid,
    '',
    '__proto__',
    'constructor',
    'chat:',
    '\uD83D',
    'a\uD83D',
    ' ',
    'a\nb',
    '\t',
    'a\0b',
    '}b',
    '{a}',
  ],
  ...['a', 'a:b', 'a:b:c', 'a:done', 'x:0', '*', 'x'.repeat(512), 'x'.repeat(513), 'x'.repeat(1_000_000)],
];

/** One kind of name. What a thing holds says which name it belongs to. */
type Family = {
  /** All, unless given. */
  readonly names?: readonly string[];
  make(redis: LibraryClient, name: string, index: number): Promise<unknown>;
  /** All names that the library lists. */
  list(): Promise<readonly string[]>;
  /** What it holds: the index it was made with, or 1 where a name holds nothing of its own. */
  holds(name: string): Promise<unknown>;
  readonly hasNothing?: true;
  command(name: string, index: number): readonly string[];
  /** Runs at the same time. */
  beside?(name: string): readonly string[];
  /** A command that prints all of them with `--json`, and where the names stand in a row. */
  readonly listing?: readonly [words: readonly string[], names: (row: Row) => readonly unknown[]];
  /** What a caller without types may leave out, or give as a number. */
  readonly mayBe?: readonly unknown[];
  /** A word that means something else on a command line. */
  readonly isWord?: string;
  /** As the family writes it, where spellings mean the same. */
  spelled?(name: string): string;
};
type Row = Readonly<Record<string, unknown>>;

const rows = (value: unknown): readonly Row[] => (Array.isArray(value) ? value : [value]) as readonly Row[];
/** `n7` -> 7, of the only one; else all of them, for the message. */
const indexOf = (texts: readonly (string | undefined)[]): unknown =>
  texts.length === 1 ? Number(texts[0]?.slice(1)) : texts;

async function textsOf(name: string): Promise<string[]> {
  const texts: string[] = [];
  const reading = { as: 'reader', from: 'start', untilCaughtUp: true } as const;
  for await (const item of topic.consume(redis, name, reading))
    texts.push(item.type === 'message' ? item.text : item.type);
  await topic.remove(redis, name, { subscriber: 'reader' });
  return texts;
}

const families: Readonly<Record<string, Family>> = {
  lock: {
    async make(client, name, index) {
      expect(await lock.acquire(client, name, { ttlMs: 3_600_000, label: `n${index}` })).toBeDefined();
    },
    list: async () => (await lock.list(redis)).map(({ name }) => name),
    holds: async (name) => indexOf([(await lock.status(redis, name)).owner?.label]),
    command: (name, index) => ['lock', 'acquire', '--ttl', '1h', '--label', `n${index}`, '--', name],
    listing: [['lock', 'list'], (row) => [row.name]],
  },
  limit: {
    async make(client, name, index) {
      await using limiter = limit.open(client, { max: 100_000, perMs: 3_600_000 });
      await limiter.hit(name, { cost: index + 1 });
    },
    list: async () => (await limit.list(redis)).map(({ subject }) => subject),
    holds: async (name) => ((await limit.status(redis, name))?.used ?? 0) - 1,
    command: (name, index) => [
      ...['limit', 'hit', '--max', '100000', '--per', '1h', '--cost', String(index + 1)],
      ...['--', name],
    ],
    listing: [['limit', 'list'], (row) => [row.subject]],
  },
  hits: {
    async make(client, name, index) {
      await using counter = hits.open(client);
      counter.add(name, index + 1);
    },
    list: async () => (await hits.list(redis)).map(({ series }) => series),
    holds: async (name) => (await hits.sum(redis, name, { sinceMs: 600_000 })).sum - 1,
    command: (name, index) => ['hits', 'add', '--', name, String(index + 1)],
    listing: [['hits', 'list'], (row) => [row.series]],
    isWord: '-',
  },
  log: {
    async make(client, name, index) {
      await using writer = log.open(client, name);
      writer.write(`n${index}`);
    },
    list: async () => (await log.list(redis)).map(({ name }) => name),
    holds: async (name) => indexOf((await log.recent(redis, name)).map(({ message }) => message)),
    command: (name, index) => ['log', 'write', '--', name, `n${index}`],
    listing: [['log', 'list'], (row) => [row.name]],
  },
  'severity of a log': {
    names: names.filter((name) => name !== name.toUpperCase() || name === name.toLowerCase()),
    async make(client, severity, index) {
      await using writer = log.open(client, 'severities', { severity });
      writer.write(`n${index}`);
    },
    list: async () => (await log.list(redis)).map(({ severity }) => severity),
    async holds(severity) {
      const lines = await log.recent(redis, 'severities', { severity });
      return indexOf(lines.map(({ message }) => message));
    },
    command: (severity, index) => ['log', 'write', `--severity=${severity}`, '--', 'severities', `n${index}`],
    listing: [['log', 'list'], (row) => [row.severity]],
    mayBe: [undefined, 7, 2 ** 53],
    spelled: (severity) => severity.toLowerCase(),
  },
  chat: {
    make: (client, room, index) => chat.create(client, { room, members: [`n${index}`] }),
    list: async () => (await chat.list(redis)).map(({ room }) => room),
    holds: async (room) => indexOf(((await chat.status(redis, room))?.members ?? []).map(({ name }) => name)),
    command: (room, index) => ['chat', 'create', '--members', `n${index}`, '--', room],
    listing: [['chat', 'list'], (row) => [row.room]],
    mayBe: [undefined, null],
  },
  'member of a room': {
    hasNothing: true,
    async make(client, as) {
      await chat.create(client, { room: 'members', members: ['first'] });
      await chat.join(client, 'members', { as });
    },
    list: async () => ((await chat.status(redis, 'members'))?.members ?? []).map(({ name }) => name),
    async holds(as) {
      const { members = [] } = (await chat.status(redis, 'members')) ?? {};
      return members.filter(({ name }) => name === as).length;
    },
    command: (as) => ['chat', 'join', 'members', `--as=${as}`],
    listing: [['chat', 'list'], ({ members }) => rows(members).map(({ name }) => name)],
  },
  topic: {
    make: (client, name, index) => topic.publish(client, name, `n${index}`),
    list: async () => (await topic.list(redis)).map((found) => found.topic),
    holds: async (name) => indexOf(await textsOf(name)),
    command: (name, index) => ['topic', 'publish', '--', name, `n${index}`],
    listing: [['topic', 'status'], (row) => [row.topic]],
  },
  'subscriber of a topic': {
    hasNothing: true,
    async make(client, as) {
      for await (const _ of topic.consume(client, 'subscribers', { as, untilCaughtUp: true }));
    },
    list: async () => ((await topic.status(redis, 'subscribers'))?.subscribers ?? []).map(({ name }) => name),
    async holds(as) {
      const { subscribers = [] } = (await topic.status(redis, 'subscribers')) ?? {};
      return subscribers.filter(({ name }) => name === as).length;
    },
    command: (as) => ['topic', 'subscribe', 'subscribers', `--as=${as}`, '--until-caught-up'],
    listing: [['topic', 'status'], ({ subscribers }) => rows(subscribers).map(({ name }) => name)],
  },
  buffer: {
    make: (client, name, index) => buffer.increment(client, name, [['x', index + 1]]),
    list: async () => (await buffer.list(redis)).map(({ name }) => name),
    holds: async (name) => ((await buffer.status(redis, name))?.total ?? 0) - 1,
    command: (name, index) => ['buffer', 'incr', '--', name, 'x', String(index + 1)],
    listing: [['buffer', 'pending'], (row) => [row.type]],
  },
  'id in a buffer': {
    make: (client, id, index) => buffer.increment(client, 'ids', [[id, index + 1]]),
    list: () => redis.zrange('pending:ids', '0', '-1'),
    holds: async (id) => Number(await redis.zscore('pending:ids', id)) - 1,
    command: (id, index) => ['buffer', 'incr', '--', 'ids', id, String(index + 1)],
    isWord: '-',
  },
  ship: {
    names: few,
    async make(client, name, index) {
      const stop = new AbortController();
      const terms = { consumers: 1, budgetBytes: 1_048_576 + index, signal: stop.signal };
      const running = ship.run(client, name, [file], terms);
      try {
        for await (const _ of ship.consume(client, name, { as: '0', signal: stop.signal }));
      } finally {
        await running.finally(() => stop.abort());
      }
    },
    list: async () => (await ship.list(redis)).map(({ channel }) => channel),
    holds: async (name) => ((await ship.status(redis, name))?.budgetBytes ?? 0) - 1_048_576,
    command: (name, index) => [
      ...['ship', 'run', file, `--channel=${name}`, '--consumers', '1'],
      ...['--budget', String(1_048_576 + index)],
    ],
    beside: (name) => ['ship', 'consume', '--as', '0', '--', name],
    listing: [['ship', 'status'], (row) => [row.channel]],
  },
  sync: {
    make: (client, channel, index) => sync.notify(client, [`n${index}`], { channel, base }),
    list: async () => (await topic.list(redis)).map((found) => found.topic),
    holds: async (channel) =>
      indexOf((await textsOf(channel)).map((text) => String((JSON.parse(text) as Row).path))),
    command: (channel, index) => ['sync', 'notify', `n${index}`, `--channel=${channel}`, `--base=${base}`],
    listing: [['topic', 'status'], (row) => [row.topic]],
    mayBe: [undefined],
  },
};

/** Undefined where it was taken, the sentence where it was refused. */
async function refusalOf(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (QuarterdeckError.is(error) && error.kind === 'usage') return error.message;
    throw error;
  }
}

const shown = (name: string): string => (name.length > 60 ? `${name.slice(0, 10)}… (${name.length})` : name);
const longest = 900;

describe.each(Object.entries(families))('%s', (_, family) => {
  const given = family.names ?? names;
  const { spelled = (name: string) => name, isWord, mayBe = [] } = family;

  test('a name is taken as it is or refused, alike by both doors', async () => {
    await redis.flushall();
    const wrong: unknown[] = [];
    const taken: string[] = [];
    for (const [index, name] of given.entries()) {
      const refusal = await refusalOf(() => family.make(redis, name, index)).catch((error: unknown) => {
        wrong.push([shown(name), String(error)]);
        return '';
      });
      if (refusal === undefined) taken.push(name);
      else if (refusal.length > longest) wrong.push([shown(name), 'a sentence without end']);
    }
    expect(wrong).toEqual([]);
    expect(taken).toContain(valid);
    const listed = await family.list();
    expect(taken.filter((name) => !listed.includes(spelled(name))).map(shown), 'not listed').toEqual([]);
    expect(listed.filter((name, at) => listed.indexOf(name) !== at).map(shown), 'listed twice').toEqual([]);
    for (const name of taken) {
      const index = family.hasNothing ? 1 : given.indexOf(name);
      expect([shown(name), await family.holds(name)]).toEqual([shown(name), index]);
    }

    await redis.flushall();
    if (family.hasNothing) await family.make(redis, 'first', 0);
    const byCommand: string[] = [];
    const typed = given.filter((name, at) => name !== isWord && (few.includes(name) || at % 4 === 0));
    for (const name of typed) {
      const index = given.indexOf(name);
      const [{ code, stderr }] = await Promise.all([
        runHere([...family.command(name, index)], { url }),
        family.beside && runHere([...family.beside(name)], { url }),
      ]);
      if (code === 0) byCommand.push(name);
      else if (code !== 2 || stderr.length > longest + 200)
        wrong.push([shown(name), code, stderr.slice(0, 300)]);
    }
    expect(wrong).toEqual([]);
    expect(byCommand.map(shown)).toEqual(typed.filter((name) => taken.includes(name)).map(shown));
    if (!family.listing) return;
    const [words, pick] = family.listing;
    const { stdout } = await runHere([...words, '--json'], { url });
    const printed = stdout
      .trim()
      .split('\n')
      .flatMap((line) => rows(JSON.parse(line)).flatMap(pick));
    expect(byCommand.filter((name) => !printed.includes(spelled(name))).map(shown), 'not listed').toEqual([]);
  });

  test('what is no text is refused', async () => {
    const wrong: unknown[] = [];
    for (const value of noTexts.filter((each) => !mayBe.includes(each))) {
      // What a caller without types may hand us.
      const refusal = await refusalOf(() => family.make(redis, value as string, 0)).catch(String);
      if (refusal === undefined || /Error:/.test(refusal)) wrong.push([typeof value, refusal]);
    }
    expect(wrong).toEqual([]);
  });
});

/** Every other function that takes a name. */
const doors: Readonly<Record<string, (name: string) => unknown>> = {
  'lock.hold': (name) => lock.hold(redis, name),
  'lock.extend': (name) => lock.extend(redis, name, 'token', { ttlMs: 1000 }),
  'lock.release': (name) => lock.release(redis, name, 'token'),
  'lock.remove': (name) => lock.remove(redis, name),
  'lock.status': (name) => lock.status(redis, name),
  'limit.peek': (name) => limit.open(redis, { max: 1, perMs: 1000 }).peek(name),
  'limit.hitAll': (name) => limit.hitAll(redis, [{ subject: name, max: 1, perMs: 1000 }]),
  'limit.status': (name) => limit.status(redis, name),
  'limit.remove': (name) => limit.remove(redis, name),
  'hits.sum': (name) => hits.sum(redis, name, { sinceMs: 1000 }),
  'hits.sum, today': (name) => hits.sum(redis, name, 'today'),
  'hits.sum, a window': (name) => hits.sum(redis, name, { fromAt: 0, toAt: 1 }),
  'hits.points': (name) => hits.points(redis, name, { stepMs: 10_000, sinceMs: 10_000 }),
  'hits.status': (name) => hits.status(redis, name),
  'hits.remove': (name) => hits.remove(redis, name),
  'log.common': (name) => log.common(redis, name),
  'log.recent': (name) => log.recent(redis, name),
  'log.status': (name) => log.status(redis, name),
  'log.remove': (name) => log.remove(redis, name),
  'chat.join': (name) => chat.join(redis, name, { as: 'ann' }),
  'chat.leave': (name) => chat.leave(redis, name, { as: 'ann' }),
  'chat.send': (name) => chat.send(redis, name, 'text', { as: 'ann' }),
  'chat.read': (name) => chat.read(redis, name, { as: 'ann' }),
  'chat.consume': (name) => chat.consume(redis, name, { as: 'ann' }).next(),
  'chat.status': (name) => chat.status(redis, name),
  'chat.create, its members': (name) => chat.create(redis, { room: 'ok', members: [name] }),
  'chat.create, its writers': (name) => chat.create(redis, { room: 'ok', members: [], writers: [name] }),
  'chat.leave, whom': (as) => chat.leave(redis, 'ok', { as }),
  'chat.send, who': (as) => chat.send(redis, 'ok', 'text', { as }),
  'chat.read, who': (as) => chat.read(redis, 'ok', { as }),
  'chat.consume, who': (as) => chat.consume(redis, 'ok', { as }).next(),
  'topic.consume': (name) => topic.consume(redis, name, { as: 'a' }).next(),
  'topic.subscribe': (name) => topic.subscribe(redis, name, { as: 'a', untilCaughtUp: true }, () => {}),
  'topic.subscribe, who': (as) => topic.subscribe(redis, 'ok', { as, untilCaughtUp: true }, () => {}),
  'topic.configure': (name) => topic.configure(redis, name, { maxLen: 1 }),
  'topic.aside': (name) => topic.aside(redis, name).next(),
  'topic.retry, whose': (subscriber) => topic.retry(redis, 'ok', 'all', { subscriber }, () => {}),
  'topic.drop, whose': (subscriber) => topic.drop(redis, 'ok', [1], { subscriber }),
  'topic.remove, whom': (subscriber) => topic.remove(redis, 'ok', { subscriber }),
  'topic.status': (name) => topic.status(redis, name),
  'topic.remove': (name) => topic.remove(redis, name),
  'buffer.open': async (name) => {
    await using counter = buffer.open(redis);
    counter.add(name, 'x');
  },
  'buffer.flush': (name) => buffer.flush(redis, name, noTarget),
  'buffer.aside': (name) => buffer.aside(redis, name).next(),
  'buffer.retry': (name) => buffer.retry(redis, name, 'all'),
  'buffer.drop': (name) => buffer.drop(redis, name, ['x']),
  'buffer.status': (name) => buffer.status(redis, name),
  'ship.consume': (name) => ship.consume(redis, name, { as: '0' }).next(),
  'ship.consume, who': (as) => ship.consume(redis, 'ok', { as }).next(),
  'ship.aside': (name) => ship.aside(redis, name).next(),
  'ship.retry': (name) => ship.retry(redis, name, 'all', { consumer: '0' }),
  'ship.retry, whom': (consumer) => ship.retry(redis, 'ok', 'all', { consumer }),
  'ship.drop': (name) => ship.drop(redis, name, ['x'], { consumer: '0' }),
  'ship.drop, whom': (consumer) => ship.drop(redis, 'ok', ['x'], { consumer }),
  'ship.status': (name) => ship.status(redis, name),
  'ship.remove': (name) => ship.remove(redis, name, { consumer: '0' }),
  'ship.remove, whom': (consumer) => ship.remove(redis, 'ok', { consumer }),
  'sync.run': (channel) => sync.run(redis, base, '/nonexistent/a', { ...stopping(), channel }),
  'sync.run, its target': (target) => sync.run(redis, base, target, stopping()),
  'sync.observe': (channel) => sync.observe(redis, base, { ...stopping(), channel }),
  'sync.status': (channel) => sync.status(redis, channel),
  'sync.status of a target': (target) => sync.status(redis, { base, target }),
  'sync.remove': (channel) => sync.remove(redis, { base, target: '/t', channel }),
  'sync.remove, its target': (target) => sync.remove(redis, { base, target }),
  'sync.resume': (channel) => sync.resume(redis, { base, target: '/t', channel }, {}),
  'sync.resume, its target': (target) => sync.resume(redis, { base, target }, {}),
};

const noTarget: buffer.Target = {
  label: 'none',
  identity: 'none',
  apply: () => Promise.reject(new Error('Expected nothing to be written')),
  close: () => Promise.resolve(),
} as unknown as buffer.Target;

/** What would run for ever is stopped after a second. */
const stopping = () => ({ signal: AbortSignal.timeout(1000) });

describe('every function refuses what is no name, and says which', () => {
  test.each(Object.entries(doors))('%s', async (what, call) => {
    const wrong: unknown[] = [];
    for (const value of [7, {}, '', 'a\uD83D', Object.create(null), Symbol('a')]) {
      const refusal = await refusalOf(async () => call(value as string)).catch(String);
      if (refusal === undefined || /Error:/.test(refusal)) wrong.push([typeof value, value, refusal]);
    }
    expect({ what, wrong }).toEqual({ what, wrong: [] });
  });
});

describe('names that would be one text when joined stay two', () => {
  test('what two subscribers of two topics have set aside', async () => {
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a', 'b%3Ac'],
    ] as const;
    for (const [name, as] of pairs) {
      await runHere(['topic', 'publish', name, `for ${as}`], { url });
      const reading = ['--from', 'start', '--exec', 'false', '--retries', '0', '--aside', '1'];
      await runHere(['topic', 'subscribe', name, '--as', as, ...reading, '--until-caught-up'], { url });
    }
    for (const [name, as] of pairs) {
      const { stdout } = await runHere(['topic', 'aside', name, '--json'], { url });
      const found = rows(JSON.parse(stdout)).filter((row) => row.name === as);
      expect(found.map(({ topic }) => topic)).toEqual([name]);
    }
  });

  test('targets of two folders', () => {
    const pairs = [
      ['/a', 'b>c'],
      ['/a>b', 'c'],
      ['/a%3Eb', 'c'],
    ] as const;
    expect(new Set(pairs.map(([folder, target]) => targetName(folder, target))).size).toBe(pairs.length);
  });

  test('in a Cluster, where a name becomes a hash tag', async () => {
    const cluster = await startCluster();
    try {
      const client = cluster.client();
      const makes = {
        lock: (name: string) => lock.acquire(client, name),
        limit: (name: string) => limit.open(client, { max: 9, perMs: 1000 }).hit(name),
        hits: async (name: string) => {
          await using counter = hits.open(client);
          counter.add(name);
        },
        chat: (room: string) => chat.create(client, { room, members: ['ann'] }),
        topic: (name: string) => topic.publish(client, name, 'x'),
        buffer: (name: string) => buffer.increment(client, name, [['x', 1]]),
        ship: (name: string) => ship.status(client, name),
        sync: (channel: string) => sync.notify(client, ['x'], { channel, base }),
      };
      for (const [what, make] of Object.entries(makes)) {
        expect([what, await refusalOf(() => make('}a'))]).toEqual([
          what,
          expect.stringContaining('closing brace'),
        ]);
        // A tag that somebody wrote is theirs.
        for (const name of ['a', '{a}', '{x}}', '{', '{}', '{a}b', 'a{b}'])
          expect([what, name, await refusalOf(() => make(name))]).toEqual([what, name, undefined]);
      }
      await expect(refusalOf(async () => log.open(client, '}a'))).resolves.toMatch(/closing brace/);
    } finally {
      await cluster.close();
    }
  });
});
