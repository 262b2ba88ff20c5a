import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DeniedError, QuarterdeckError, UnsupportedServerError } from '../../source/errors.ts';
import { isPassing, refusalSort, refused, rideOut } from '../../source/redis/refusals.ts';
import { retryAborted } from '../../source/redis/retry-aborted.ts';
import { defineScript } from '../../source/redis/script.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

const write = defineScript({
  lua: "#!lua\nreturn redis.call('SET', KEYS[1], ARGV[1])",
  parse: String,
});
const read = defineScript({
  lua: "#!lua flags=no-writes\nlocal at = redis.call('TIME')\nreturn redis.call('GET', KEYS[1])",
  parse: String,
});

/** A client whose user may do what the rules say. */
async function user(name: string, ...rules: string[]) {
  await server.client().call('ACL', 'SETUSER', name, 'reset', 'on', '>pw', ...rules);
  return server.client({ username: name, password: 'pw' });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => expect.fail('expected a refusal'),
    (error: unknown) => error,
  );
}

describe('what passes by itself', () => {
  test('a full server', async () => {
    const redis = server.client();
    await redis.config('SET', 'maxmemory', '1');
    try {
      const error = await failureOf(write(redis, ['k'], ['v']));
      expect(error).toMatchObject({ code: 'REDIS_FULL', kind: 'connection', isRetryable: true });
      expect(refusalSort(error)).toBe('passing');
      const plain = await failureOf(retryAborted(() => redis.set('k', 'v')));
      expect(plain).toMatchObject({ code: 'REDIS_FULL' });
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  test('a replica', async () => {
    const redis = server.client();
    await redis.replicaof('127.0.0.1', '1');
    try {
      expect(await failureOf(write(redis, ['k'], ['v']))).toMatchObject({ code: 'REDIS_REPLICA' });
      expect(await failureOf(retryAborted(() => redis.set('k', 'v')))).toMatchObject({
        code: 'REDIS_REPLICA',
      });
    } finally {
      await redis.replicaof('NO', 'ONE');
    }
  });

  test.each([
    'OOM command not allowed when used memory > maxmemory.',
    'MISCONF Redis is configured to save RDB snapshots',
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    'CLUSTERDOWN The cluster is down',
    'NOREPLICAS Not enough good replicas to write.',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MASTERDOWN Link with MASTER is down',
    'BUSY Redis is busy running a script.',
  ])('%s', (message) => {
    expect(isPassing(new Error('outer', { cause: reply(message) }))).toBe(true);
    expect(refused(reply(message))).toMatchObject({ kind: 'connection', isRetryable: true });
  });

  test.each(['BUSYKEY Target key name already exists.', 'ERR syntax error', 'OOMPH'])(
    '%s is something else',
    (message) => {
      expect(refusalSort(reply(message))).toBeUndefined();
      expect(refused(reply(message))).toBeInstanceOf(Error);
    },
  );
});

describe('what a user may not do is named', () => {
  test('a command inside a script', async () => {
    const redis = await user('no-time', '~*', '&*', '+@all', '-time');
    const error = await failureOf(read(redis, ['k'], []));
    expect(error).toBeInstanceOf(DeniedError);
    expect(error).toMatchObject({
      code: 'REDIS_DENIED',
      kind: 'connection',
      what: 'command',
      denied: 'TIME',
    });
    expect(refusalSort(error)).toBe('lasting');
  });

  test('a key inside a script', async () => {
    const redis = await user('own-keys', '~mine*', '&*', '+@all');
    expect(await failureOf(write(redis, ['theirs'], ['v']))).toMatchObject({ what: 'key', denied: 'theirs' });
  });

  test('a plain command, its key and a channel', async () => {
    const redis = await user('little', '~mine*', 'resetchannels', '+@all', '-set');
    const refusals = [
      [retryAborted(() => redis.set('mine', 'v')), 'command', 'SET'],
      [retryAborted(() => redis.get('theirs')), 'key', 'theirs'],
      [retryAborted(() => redis.publish('news', 'x')), 'channel', 'news'],
    ] as const;
    for (const [sent, what, denied] of refusals)
      expect(await failureOf(sent)).toMatchObject({ what, denied });
  });

  test('a key that a script made up is not called by what the log of Redis 7.0 has instead: the digest', async () => {
    const build = defineScript({
      lua: "#!lua\nlocal other = KEYS[1] .. ARGV[1]\nreturn redis.call('SET', other, 'v')",
      parse: String,
    });
    const redis = await user('builder', '~mine', '&*', '+@all');
    for (const how of ['as text', 'by its digest', 'by its digest']) {
      const error = (await failureOf(build(redis, ['mine'], ['theirs']))) as DeniedError;
      expect(error).toMatchObject({ what: 'key' });
      // Newer servers say which key it was.
      expect({ how, denied: error.denied ?? 'minetheirs' }).toEqual({ how, denied: 'minetheirs' });
    }
  });

  test('the key of a script that is sent by its digest, of several keys, and behind other words', async () => {
    await write(server.client(), ['mine'], ['v']);
    const digest = createHash('sha1')
      .update("#!lua\nreturn redis.call('SET', KEYS[1], ARGV[1])")
      .digest('hex');
    const redis = await user('digest', '~mine*', 'resetchannels', '+@all', '-acl');
    const denied = [
      [redis.evalsha(digest, 1, 'theirs', 'v'), 'theirs'],
      [redis.eval('return 1', 1, 'theirs'), 'theirs'],
      [redis.xread('BLOCK', 1, 'STREAMS', 'theirs', '0'), 'theirs'],
      [redis.memory('USAGE', 'theirs'), 'theirs'],
      [redis.mget('mine', 'theirs'), undefined],
      [redis.evalsha(digest, 2, 'mine', 'theirs'), undefined],
    ] as const;
    for (const [sent, name] of denied) {
      const error = await failureOf(retryAborted<unknown>(() => sent));
      expect(error).toMatchObject({ what: 'key', denied: name });
      if (name === undefined) expect((error as QuarterdeckError).hint).toContain('one of mine, theirs');
    }
    const two = defineScript({
      lua: "#!lua\nlocal other = KEYS[2]\nreturn redis.call('SET', 'theirs', ARGV[1])",
      parse: String,
    });
    // Of its own keys none was refused, so none is named.
    const error = await failureOf(two(redis, ['mine'], ['v']));
    expect(error).toMatchObject({ what: 'key' });
    expect((error as DeniedError).denied).not.toBe('mine');
    await expect(failureOf(retryAborted(() => redis.subscribe('a', 'b')))).resolves.toMatchObject({
      what: 'channel',
      hint: expect.stringContaining('one of a, b'),
    });
  });

  test('what a script caught and gave back is looked up in the ACL log', async () => {
    const caught = defineScript({
      lua: "#!lua\nredis.call('GET', KEYS[1])\nreturn redis.pcall('TIME')",
      parse: String,
    });
    const redis = await user('no-time-either', '~*', '&*', '+@all', '-time');
    expect(await failureOf(caught(redis, ['k'], []))).toMatchObject({ what: 'command', denied: 'TIME' });
    const blind = await user('blind', '~*', '&*', '+@all', '-time', '-acl');
    const error = await failureOf(caught(blind, ['k'], []));
    expect(error).toMatchObject({ what: 'command' });
    // Redis 7.0 does not say which; newer servers do.
    expect(error).toSatisfy(({ denied, hint }) => denied === 'TIME' || hint.includes('one of GET, TIME'));
  });
});

test('what only reads runs for a user who may only read the keys', async () => {
  await server.client().set('shown', 'v');
  const redis = await user('reader', '%R~*', '+@all');
  expect(await read(redis, ['shown'], [])).toBe('v');
  expect(await read(redis, ['shown'], [])).toBe('v');
});

test('and for one who may run EVAL and not EVAL_RO', async () => {
  const redis = await user('of-old', '~*', '+@all', '-eval_ro', '-evalsha_ro');
  expect(await read(redis, ['shown'], [])).toBe('v');
  expect(await read(redis, ['shown'], [])).toBe('v');
});

test('a command that the server does not have', async () => {
  const error = await failureOf(
    retryAborted(() => server.client().call('NOSUCHCOMMAND', 'x') as Promise<unknown>),
  );
  expect(error).toBeInstanceOf(UnsupportedServerError);
  expect(error).toMatchObject({ code: 'SERVER_RESTRICTED', missing: ['NOSUCHCOMMAND'] });
  expect(refusalSort(error)).toBe('lasting');
});

describe('riding out', () => {
  test('goes on once the refusals end, and says that it waits', async () => {
    const redis = server.client();
    await redis.config('SET', 'maxmemory', '1');
    const waits: number[] = [];
    const written = rideOut(() => write(redis, ['k'], ['ridden']), {
      onWait(refusal, sinceMs) {
        expect(refusal).toMatchObject({ code: 'REDIS_FULL' });
        waits.push(sinceMs);
        if (waits.length === 2) void redis.config('SET', 'maxmemory', '0');
      },
    });
    expect(await written).toBe('OK');
    expect(waits.length).toBeGreaterThanOrEqual(2);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  });

  test('gives up when it lasts, with the refusal', async () => {
    let tries = 0;
    const run = () => {
      tries += 1;
      return Promise.reject(reply('LOADING Redis is loading'));
    };
    await expect(rideOut(run, { timeoutMs: 300 })).rejects.toThrow(/LOADING/);
    expect(tries).toBeGreaterThan(1);
  });

  test('ends with its signal, and at once on anything else', async () => {
    const controller = new AbortController();
    const run = () => Promise.reject(reply('LOADING Redis is loading'));
    const ridden = rideOut(run, { signal: controller.signal, onWait: () => controller.abort() });
    await expect(ridden).rejects.toThrow(/LOADING/);
    await expect(rideOut(() => Promise.reject(reply('ERR no')))).rejects.toThrow('ERR no');
  });
});

test('our errors are known for such across copies of the package', () => {
  const error = new DeniedError('command', 'TIME');
  expect(QuarterdeckError.is(error)).toBe(true);
  expect(QuarterdeckError.is(new Error('x'))).toBe(false);
  const other = Object.assign(new Error('of another copy'), { [Symbol.for('quarterdeck.error')]: true });
  expect(QuarterdeckError.is(other)).toBe(true);
});

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
