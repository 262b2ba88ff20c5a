import { globSync } from 'node:fs';
import path from 'node:path';
import { Redis as Client } from 'ioredis';
import type { Redis as Redis5 } from 'ioredis-5';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  buffer,
  type Call,
  chat,
  type Handle,
  hits,
  limit,
  lock,
  log,
  QuarterdeckError,
  type Redis,
  shards,
  ship,
  sync,
  topic,
} from '../../source/index.ts';

// The public surface as TypeScript sees it, and what its modules have in common.

type RetryCall = { readonly signal: AbortSignal };

test('items of a topic are told apart by their type', () => {
  type Item = topic.Message | topic.Gap;
  expectTypeOf<ReturnType<typeof topic.consume>>().toExtend<AsyncIterable<Item>>();
  expectTypeOf<Extract<Item, { type: 'gap' }>>().toEqualTypeOf<topic.Gap>();
});

test('what is open is a handle, so `await using` closes it', () => {
  expectTypeOf<lock.Held>().toExtend<Handle>();
  expectTypeOf<limit.Limiter>().toExtend<Handle>();
  expectTypeOf<hits.Counter>().toExtend<Handle>();
  expectTypeOf<log.Writer>().toExtend<Handle>();
  expectTypeOf<buffer.Buffer>().toExtend<Handle>();
  expectTypeOf<Awaited<ReturnType<typeof buffer.openTarget>>>().toExtend<Handle>();
  expectTypeOf<ReturnType<typeof ship.openDirectory>>().toExtend<Handle>();
  expectTypeOf<shards.Ring>().toExtend<Handle>();
  expectTypeOf<Handle>().toExtend<AsyncDisposable>();
});

test('what was set aside is listed, retried and dropped by the same verbs', () => {
  expectTypeOf<ReturnType<typeof ship.aside>>().toExtend<AsyncIterable<ship.Aside>>();
  expectTypeOf<ReturnType<typeof buffer.aside>>().toExtend<AsyncIterable<buffer.Aside>>();
  expectTypeOf<Parameters<typeof ship.retry>[2]>().toEqualTypeOf<Parameters<typeof buffer.retry>[2]>();
  expectTypeOf<Parameters<typeof ship.drop>[2]>().toEqualTypeOf<Parameters<typeof buffer.drop>[2]>();
  expectTypeOf<Parameters<typeof ship.drop>[3]>().toExtend<Call & { readonly consumer: string }>();
  expectTypeOf<ReturnType<typeof topic.aside>>().toExtend<AsyncIterable<topic.Aside>>();
  expectTypeOf<Parameters<typeof topic.retry>[2]>().toEqualTypeOf<readonly number[] | 'all'>();
  expectTypeOf<Parameters<typeof topic.retry>[4]>().toBeCallableWith({} as topic.Message, {} as RetryCall);
  expectTypeOf<Parameters<typeof topic.drop>[2]>().toEqualTypeOf<readonly number[]>();
  expectTypeOf<Parameters<typeof topic.drop>[3]>().toExtend<Call & { readonly subscriber: string }>();
});

test('a client of ioredis 5 is one, and an undefined signal is none', () => {
  expectTypeOf<Redis5>().toExtend<Redis>();
  expectTypeOf<{ signal: undefined }>().toExtend<Call>();
  expectTypeOf<Parameters<typeof lock.status>[2]>().toEqualTypeOf<Call | undefined>();
});

test('one thing is a status or undefined; a list of limits says what discovery cannot know', () => {
  expectTypeOf<Awaited<ReturnType<typeof hits.status>>>().toEqualTypeOf<hits.Status | undefined>();
  expectTypeOf<Awaited<ReturnType<typeof limit.status>>>().toEqualTypeOf<limit.Status | undefined>();
  expectTypeOf<Awaited<ReturnType<typeof shards.status>>>().toEqualTypeOf<shards.Status | undefined>();
  const redis = {} as Redis;
  const lists = () => ({
    known: limit.list(redis, { limit: 1 }),
    all: limit.list(redis, { discover: true }),
    one: sync.status(redis, { base: '.', target: 'x' }),
    channel: sync.status(redis, 'new_files'),
  });
  type Lists = ReturnType<typeof lists>;
  expectTypeOf<Awaited<Lists['known']>>().toEqualTypeOf<limit.Status[]>();
  expectTypeOf<Awaited<Lists['all']>>().toEqualTypeOf<(limit.Status | limit.Discovered)[]>();
  expectTypeOf<Awaited<Lists['one']>>().toEqualTypeOf<sync.Status | undefined>();
  expectTypeOf<Awaited<Lists['channel']>>().toEqualTypeOf<sync.Status[]>();
});

const modules: readonly (readonly [noun: string, module: Readonly<Record<string, unknown>>])[] =
  Object.entries({
    buffer,
    chat,
    hits,
    limit,
    lock,
    log,
    shards,
    ship,
    sync,
    topic,
  });

describe.each(modules)('%s', (noun, module) => {
  test('has one, all and changes', () => {
    expect(Object.keys(module)).toEqual(expect.arrayContaining(['status', 'list', 'watch']));
  });

  test('exports each error that it may throw', async () => {
    const files = globSync(`source/features/${noun}/{errors,*/errors}.ts`);
    for (const file of files) {
      const thrown = (await import(path.resolve(file))) as Readonly<Record<string, unknown>>;
      const classes = Object.values(thrown).filter((each) => typeof each === 'function');
      const errors = classes.filter((each) => each.prototype instanceof QuarterdeckError);
      const missing = errors.filter((each) => !Object.values(module).includes(each)).map(({ name }) => name);
      // The program's own: there is no `run` of a command in the library.
      expect(missing.filter((name) => name !== 'CommandNotStartedError')).toEqual([]);
    }
  });

  test('ends a call that was cancelled before with the reason of its signal', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const { list } = module as { list(first: unknown, options: Call): Promise<unknown> };
    const first = noun === 'shards' ? { clients: [] } : new Client({ lazyConnect: true });
    await expect(list(first, { signal })).rejects.toBe(reason);
  });
});
