import type { Redis } from 'ioredis';
import { oneOfEach } from './one-of-each.ts';

/**
 * Where anybody who may write to Redis can leave any amount of data for what reads it: one value without an end, or small
 * ones without number. `npm run amounts` fills each with 200 MB; the tests do so with less.
 */
export type Place = {
  /** The feature that reads it. */
  readonly noun: string;
  /** What lies there, as the table calls it. */
  readonly what: string;
  /** Small things without number: what lists all of them sends as much as there is. */
  readonly isMany: boolean;
  put(redis: Redis, bytes: number): Promise<unknown>;
};

/** What is there beside the large amount, so that it is read at all: words of commands. */
export const beside: readonly (readonly string[])[] = [
  ...oneOfEach('big'),
  ['chat', 'join', 'big', '--as', 'tester'],
  ['chat', 'send', 'big', 'hello', '--as', 'ann'],
];

/** The commands that read one feature's things as a whole. */
export const lists: Readonly<Record<string, readonly (readonly string[])[]>> = {
  chat: [
    ['chat', 'list'],
    ['chat', 'read', 'big', '--as', 'tester', '--peek'],
  ],
  ship: [
    ['ship', 'status'],
    ['ship', 'aside'],
  ],
  log: [
    ['log', 'list'],
    ['log', 'common', 'big'],
    ['log', 'recent', 'big'],
  ],
  limit: [['limit', 'list']],
  lock: [['lock', 'list']],
  topic: [
    ['topic', 'status'],
    ['topic', 'aside', 'big'],
  ],
  buffer: [
    ['buffer', 'pending'],
    ['buffer', 'aside'],
  ],
  hits: [['hits', 'list']],
  sync: [['sync', 'status']],
  shards: [['shards', 'status']],
};

const text = (key: string) => (redis: Redis, bytes: number) =>
  redis.eval("redis.call('SET', KEYS[1], string.rep('x', ARGV[1]))", 1, key, bytes);

const nested = (key: string, field: string) => (redis: Redis, bytes: number) =>
  redis.eval(
    "redis.call('HSET', KEYS[1], ARGV[2], string.rep('[', ARGV[1]) .. string.rep(']', ARGV[1]))",
    1,
    key,
    Math.floor(bytes / 2),
    field,
  );

const value = (key: string, field: string) => (redis: Redis, bytes: number) =>
  redis.eval("redis.call('HSET', KEYS[1], ARGV[2], string.rep('x', ARGV[1]))", 1, key, bytes, field);

const fieldName = (key: string) => (redis: Redis, bytes: number) =>
  redis.eval("redis.call('HSET', KEYS[1], string.rep('x', ARGV[1]), '1')", 1, key, bytes);

const each = 1000;
const fields = (key: string) => (redis: Redis, bytes: number) =>
  redis.eval(
    `local text = string.rep('x', ${each})
    for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], 'f' .. i, text) end`,
    1,
    key,
    Math.ceil(bytes / each),
  );

const member =
  (key: string, score = 1) =>
  (redis: Redis, bytes: number) =>
    redis.eval("redis.call('ZADD', KEYS[1], ARGV[2], string.rep('x', ARGV[1]))", 1, key, bytes, score);

const members =
  (key: string, length = each) =>
  (redis: Redis, bytes: number) =>
    redis.eval(
      `local text = string.rep('x', ${length})
      for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], i, text .. i) end`,
      1,
      key,
      Math.ceil(bytes / length),
    );

const item = (key: string) => (redis: Redis, bytes: number) =>
  redis.eval("redis.call('LPUSH', KEYS[1], string.rep('x', ARGV[1]))", 1, key, bytes);

const items = (key: string) => (redis: Redis, bytes: number) =>
  redis.eval(
    `local text = string.rep('x', ${each})
    for i = 1, ARGV[1] do redis.call('LPUSH', KEYS[1], text .. i) end`,
    1,
    key,
    Math.ceil(bytes / each),
  );

/** A message of ours as it is stored, but for its length. */
const chatMessage = (redis: Redis, bytes: number) =>
  redis.eval(
    `local json = '{"id": 2, "ts": 1, "sender": "ann", "message": "' .. string.rep('x', ARGV[1]) .. '"}'
    redis.call('SET', KEYS[2], 2)
    redis.call('ZADD', KEYS[1], 2, json)`,
    2,
    'msgs:big',
    'ids:big',
    bytes,
  );

const chatMessages = (redis: Redis, bytes: number) =>
  redis.eval(
    `local text = string.rep('x', ${each})
    for i = 2, ARGV[1] do
      redis.call('ZADD', KEYS[1], i, '{"id": ' .. i .. ', "ts": 1, "sender": "ann", "message": "' .. text .. '"}')
    end
    redis.call('SET', KEYS[2], ARGV[1])`,
    2,
    'msgs:big',
    'ids:big',
    Math.ceil(bytes / each) + 1,
  );

const entry = (redis: Redis, bytes: number) =>
  redis.eval(
    `redis.call('XADD', KEYS[1], '*', 'm', string.rep('x', ARGV[1]))
    redis.call('INCR', KEYS[2])
    redis.call('ZADD', KEYS[3], 0, 'slow')`,
    3,
    'topic:msgs:big',
    'topic:ids:big',
    'topic:subs:big',
    bytes,
  );

/** A run with one consumer, as a shipper leaves it. */
const withRun =
  (put: Place['put']): Place['put'] =>
  async (redis, bytes) => {
    await redis.hset('ship:big:', {
      run: 'r',
      budget: '1048576',
      limit: '1048576',
      used: '0',
      peak: '0',
      consumers: '1',
      expect: '0',
      shippers: '0',
    });
    await put(redis, bytes);
    await redis.zadd('quarterdeck:ship', Date.now(), 'big:');
  };

const record = JSON.stringify({
  base: '/srv/files',
  lastBatchAt: 1,
  lastFullAt: 1,
  synced: 1,
  missedByEvents: 0,
  error: null,
});

const withTarget =
  (put: Place['put']): Place['put'] =>
  async (redis, bytes) => {
    await redis.hset('sync:big', 'backup:/srv', record);
    await put(redis, bytes);
    await redis.zadd('quarterdeck:sync', Date.now(), 'big');
  };

const largeRecord = (redis: Redis, bytes: number) =>
  redis.eval(
    "redis.call('HSET', KEYS[1], 'other:/srv', string.sub(ARGV[2], 1, -2) .. ',\"error\":\"' .. string.rep('x', ARGV[1]) .. '\"}')",
    1,
    'sync:big',
    bytes,
    record,
  );

/** Records that are each as large as one may be, without number. */
const records = (length: number) => (redis: Redis, bytes: number) =>
  redis.eval(
    `local json = string.sub(ARGV[2], 1, -2) .. ',"error":"' .. string.rep('x', ${length}) .. '"}'
    for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], 'other' .. i .. ':/srv', json) end`,
    1,
    'sync:big',
    Math.ceil(bytes / length),
    record,
  );

const acks = (length: number) => (redis: Redis, bytes: number) =>
  redis.eval(
    `local json = '{"by":"ann","note":"' .. string.rep('x', ${length}) .. '","atMs":1,"untilMs":9e15,"severity":"bad"}'
    for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], 'lock:' .. i, json) end`,
    1,
    'quarterdeck:acks',
    Math.ceil(bytes / length),
  );

/** Parts of which somebody counts who reports by no name. */
const counters = (count: number) => (redis: Redis, bytes: number) =>
  redis.eval(
    `local text = string.rep('9', ARGV[2])
    for i = 1, ARGV[1] do
      local entry = { file = 'f', generation = 'g', at = 0, bytes = 1, kind = 'lines', id = i, want = ' 0 ' }
      redis.call('HSET', KEYS[1], 'p' .. i, cjson.encode(entry))
      redis.call('SET', KEYS[2] .. 'p' .. i .. ':done', text)
    end`,
    2,
    'ship-parts:big:',
    'big:',
    count,
    Math.floor(bytes / count),
  );

const shipAsides = (redis: Redis, bytes: number) =>
  redis.eval(
    `local json = cjson.encode({ id = 1, file = 'f', bytes = 1, reason = string.rep('x', ${each}), since = 1, tries = 1 })
    for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], '0:p' .. i, json) end`,
    1,
    'ship-aside:big:',
    Math.ceil(bytes / each),
  );

const topicAsides =
  (counts: (bytes: number) => readonly [count: number, length: number]) => (redis: Redis, bytes: number) =>
    redis.eval(
      `local json = '{"sinceMs":1,"at":1,"message":"' .. string.rep('x', ARGV[2]) .. '","reason":"why","tries":2}'
      for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], i, json) end
      redis.call('ZADD', KEYS[2], 0, 'slow')
      redis.call('HSET', KEYS[3], 'aside:slow', ARGV[1])`,
      3,
      'topic:aside:big:slow',
      'topic:subs:big',
      'topic:state:big',
      ...counts(bytes),
    );

const nouns = ['chat', 'ship', 'log', 'limit', 'hits', 'lock', 'topic', 'buffer', 'sync'];

const many =
  /^(waiters|what waiters say|tokens of many|messages aside|parts aside|limits|long names in the index|members|messages|settings|parts|files|consumers|recent lines|samples|counts|subscribers|ids|short ids|fields of a batch|ids set aside|records|large records|failed paths|rooms of the operator|(large )?acknowledgements|names in the index)$/;

function place(noun: string, what: string, put: Place['put']): Place {
  return { noun, what, isMany: many.test(what), put };
}

export const places: readonly Place[] = [
  place('lock', 'token', text('lock:big')),
  place('lock', 'owner in a token', (redis, bytes) =>
    redis.eval(
      "redis.call('SET', KEYS[1], 'aaaa:host:1:' .. string.rep('x', ARGV[1]), 'PX', 3600000)",
      1,
      'lock:big',
      bytes,
    ),
  ),
  place('lock', 'tokens of many', (redis, bytes) =>
    redis.eval(
      `local text = string.rep('x', 2000)
      for i = 1, ARGV[1] do
        redis.call('SET', 'lock:many' .. i, text)
        redis.call('ZADD', KEYS[1], 9e15, 'many' .. i)
      end`,
      1,
      'quarterdeck:lock',
      Math.ceil(bytes / 2000),
    ),
  ),
  place('lock', 'waiter', member('lock-queue:big')),
  place('lock', 'waiters', members('lock-queue:big')),
  place('lock', 'fence', text('lock-fence:big')),
  place('lock', 'what a waiter says', value('lock-waiting:big', 'x')),
  place('lock', 'what waiters say', fields('lock-waiting:big')),
  place('chat', 'member', member('chat:big')),
  place('chat', 'members', members('chat:big')),
  place('chat', 'message', chatMessage),
  place('chat', 'messages', chatMessages),
  place('chat', 'message that is no JSON', member('msgs:big', 2)),
  place('chat', 'counter', text('ids:big')),
  place('chat', 'name of a room', member('seen:tester')),
  place('chat', 'rooms of the operator', members('seen:tester')),
  place('ship', 'setting', withRun(value('ship:big:', 'peak'))),
  place('ship', 'who is expected', withRun(value('ship:big:', 'expect'))),
  place('ship', 'settings', withRun(fields('ship:big:'))),
  place('ship', 'part', withRun(value('ship-parts:big:', 'p'))),
  place('ship', 'parts', withRun(fields('ship-parts:big:'))),
  place('ship', 'counter of a part', withRun(counters(1))),
  place('ship', 'counters of parts', withRun(counters(100))),
  place('ship', 'part aside', withRun(value('ship-aside:big:', '0:p'))),
  place('ship', 'parts aside', withRun(shipAsides)),
  place('ship', 'nested part', withRun(nested('ship-parts:big:', 'p'))),
  place('ship', 'name of a part', withRun(fieldName('ship-parts:big:'))),
  place('ship', 'file', withRun(value('ship-files:big:', 'f'))),
  place('ship', 'files', withRun(fields('ship-files:big:'))),
  place('ship', 'shipper', withRun(value('ship-who:big:', 's:x'))),
  place('ship', 'consumers', withRun(fields('ship-who:big:'))),
  place('log', 'recent line', item('recent:big:info')),
  place('log', 'recent lines', items('recent:big:info')),
  place('log', 'message', member('common:big:info', 9)),
  place('log', 'messages', members('common:big:info')),
  place('log', 'sample', value('common:big:info:samples', 'started')),
  place('log', 'samples', fields('common:big:info:samples')),
  place('log', 'hour', text('common:big:info:start')),
  place('limit', 'state, fixed', text('limit:big:fixed:3600000')),
  place('limit', 'max of one', async (redis, bytes) => {
    const [name = 'big'] = await redis.zrevrange('quarterdeck:limit', 0, 0);
    await value('quarterdeck:limit:max', name)(redis, bytes);
  }),
  place('limit', 'refusals of one', async (redis, bytes) => {
    const [name = 'big'] = await redis.zrevrange('quarterdeck:limit', 0, 0);
    await value('quarterdeck:limit:denied', name)(redis, bytes);
  }),
  place('limit', 'limits', (redis, bytes) =>
    redis.eval(
      `local text = string.rep('x', 490)
      for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], 9e15, 'fixed:3600000:' .. text .. i) end`,
      1,
      'quarterdeck:limit',
      Math.ceil(bytes / 500),
    ),
  ),
  place('hits', 'count', async (redis, bytes) => {
    const [key = 'hits:big'] = await redis.keys('hits:big:1h:*');
    await value(key, '0')(redis, bytes);
  }),
  place('hits', 'counts', async (redis, bytes) => {
    const [key = 'hits:big'] = await redis.keys('hits:big:1h:*');
    await fields(key)(redis, bytes);
  }),
  place('hits', 'name of an hour', async (redis, bytes) => {
    const [key = 'hits:big'] = await redis.keys('hits:big:1h:*');
    await fieldName(key)(redis, bytes);
  }),
  place('topic', 'message', entry),
  place('topic', 'subscriber', member('topic:subs:big')),
  place('topic', 'subscribers', members('topic:subs:big')),
  place('topic', 'lease of a subscriber', async (redis, bytes) => {
    await redis.zadd('topic:subs:big', 0, 'slow');
    await value('topic:seats:big', 'slow')(redis, bytes);
  }),
  place('topic', 'why it is blocked', async (redis, bytes) => {
    await redis.zadd('topic:subs:big', 0, 'slow');
    await value('topic:state:big', 'blocked:slow')(redis, bytes);
  }),
  place(
    'topic',
    'message aside',
    topicAsides((bytes) => [1, bytes]),
  ),
  place(
    'topic',
    'messages aside',
    topicAsides((bytes) => [Math.ceil(bytes / each), each]),
  ),
  place('topic', 'lock of the legacy layout', text('pubsub:lock')),
  place('topic', 'floor', value('topic:state:big', 'floor')),
  place('topic', 'counter', text('topic:ids:big')),
  place('buffer', 'id', member('pending:big')),
  place('buffer', 'ids', members('pending:big')),
  place('buffer', 'short ids', members('pending:big', 20)),
  place('buffer', 'id in flight', member('pending:big:inflight')),
  place('buffer', 'batch', value('pending:big:batch', 'id')),
  place('buffer', 'target of a batch', async (redis, bytes) => {
    await redis.hset('pending:big:batch', { id: '1', claimedMs: '1' });
    await value('pending:big:batch', 'target')(redis, bytes);
  }),
  place('buffer', 'fields of a batch', async (redis, bytes) => {
    await redis.hset('pending:big:batch', { id: '1', claimedMs: '1' });
    await fields('pending:big:batch')(redis, bytes);
  }),
  place('buffer', 'status', value('pending:big:status', 'target')),
  place('buffer', 'nested status', nested('pending:big:status', 'failure')),
  place('buffer', 'oldest', text('pending:big:oldest')),
  place('buffer', 'id set aside', member('pending:big:aside')),
  place('buffer', 'ids set aside', members('pending:big:aside')),
  place('buffer', 'why it is set aside', async (redis, bytes) => {
    await redis.zadd('pending:big:aside', 1, 'x');
    await value('pending:big:aside:why', 'x')(redis, bytes);
  }),
  place('sync', 'record', withTarget(largeRecord)),
  place('sync', 'nested record', withTarget(nested('sync:big', 'other:/srv'))),
  place('sync', 'records', withTarget(records(1000))),
  place('sync', 'large records', withTarget(records(60_000))),
  place('sync', 'name of a target', withTarget(fieldName('sync:big'))),
  place('sync', 'failed path', withTarget(fieldName('sync-failed:big'))),
  place('sync', 'failed paths', withTarget(fields('sync-failed:big'))),
  place('needs', 'acknowledgement', value('quarterdeck:acks', 'lock:big')),
  place('needs', 'acknowledgements', acks(350)),
  place('needs', 'large acknowledgements', acks(250_000)),
  ...nouns.flatMap((noun) => [
    place(noun, 'name in the index', member(`quarterdeck:${noun}`, 9e15)),
    place(noun, 'names in the index', (redis, bytes) =>
      redis.eval(
        `local text = string.rep('x', ${each})
        for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], 9e15, text .. i) end`,
        1,
        `quarterdeck:${noun}`,
        Math.ceil(bytes / each),
      ),
    ),
    place(noun, 'long names in the index', (redis, bytes) =>
      redis.eval(
        `local text = string.rep('x', 490)
        for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], 9e15, text .. i) end`,
        1,
        `quarterdeck:${noun}`,
        Math.ceil(bytes / 500),
      ),
    ),
  ]),
];
