import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { kill, run, start } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

/**
 * What runs until it is stopped, while its server loses everything: it goes on, is registered again and does what comes
 * next; or it ends with a true word.
 */

/** A daemon under way, and what it printed. */
type Scene = {
  readonly redis: Redis;
  readonly root: string;
  readonly output: { stdout: string; stderr: string };
  here(line: string): Promise<unknown>;
  type(text: string): void;
};

type Daemon = {
  readonly words: string;
  /** What has to be there first. */
  before?(scene: Pick<Scene, 'root' | 'here'>): unknown;
  /** What is written to its stdin at first. */
  readonly types?: string;
  /** Holds once it is under way. */
  begun(scene: Scene): Promise<boolean> | boolean;
  /** Something new, for which it is there; done again until that has come through. */
  again?(scene: Scene): unknown;
  /** Holds once it has come through. */
  done?(scene: Scene): Promise<boolean> | boolean;
  /** Where it is found again. */
  readonly listed?: readonly [noun: string, name: string];
  /** What it says on stderr; nothing, unless given. */
  readonly says?: RegExp;
  /** It cannot go on: its exit code. */
  readonly ends?: number;
};

const has = async ({ redis }: Scene, key: string): Promise<boolean> => (await redis.exists(key)) === 1;
const hasParts = async ({ redis }: Scene): Promise<boolean> => (await redis.hlen('ship-parts:logs:')) > 0;
const hasHits = async ({ redis }: Scene): Promise<boolean> => (await redis.keys('hits:visits:*')).length > 0;
const isFlushed = async (scene: Scene): Promise<boolean> =>
  !(await has(scene, 'pending:views')) && (await has(scene, 'pending:views:status'));

const daemons: readonly Daemon[] = [
  {
    words: 'sync run base target --every 100ms',
    begun: ({ root }) => existsSync(path.join(root, 'target', 'a')),
    again({ root, here }) {
      writeFileSync(path.join(root, 'base', 'b'), 'b');
      return here('sync notify b --base base');
    },
    done: ({ root }) => existsSync(path.join(root, 'target', 'b')),
    listed: ['sync', 'new_files'],
    says: /had lost subscriber .* registered again/,
  },
  {
    words: 'sync watch base',
    begun(scene) {
      writeFileSync(path.join(scene.root, 'base', String(Math.random())), 'b');
      return has(scene, 'topic:ids:new_files');
    },
    again: ({ root }) => writeFileSync(path.join(root, 'base', String(Math.random())), 'b'),
    done: (scene) => has(scene, 'topic:ids:new_files'),
    listed: ['topic', 'new_files'],
  },
  {
    words: 'topic subscribe news --as billing',
    begun: async ({ redis }) => (await redis.zscore('topic:subs:news', 'billing')) !== null,
    again: ({ here }) => here('topic publish news after'),
    done: async ({ redis, output }) =>
      output.stdout.includes('after') && (await redis.zscore('topic:subs:news', 'billing')) !== null,
    listed: ['topic', 'news'],
    says: /^quarterdeck: The server had lost subscriber `billing` of topic `news`; it was registered again/,
  },
  {
    words: 'ship run a.log --channel logs: --consumers 1 --budget 1MiB --follow',
    begun: hasParts,
    again: ({ root }) => appendFileSync(path.join(root, 'a.log'), 'after\n'),
    done: hasParts,
    listed: ['ship', 'logs:'],
    says: /place on channel `logs:` is gone.*begins again/,
  },
  {
    words: 'lock run deploy --ttl 1s -- ./holding',
    before: ({ root }) =>
      writeFileSync(path.join(root, 'holding'), '#!/bin/sh\ntouch begun\nexec sleep 60\n', { mode: 0o755 }),
    // While only Redis knows that it holds the lock it would ask again, and hold it anew.
    begun: ({ root }) => existsSync(path.join(root, 'begun')),
    ends: 3,
    says: /Lost the lock `deploy`/,
  },
  {
    words: 'buffer flush views --to sqlite:counts.db --every 200ms',
    before({ root, here }) {
      new DatabaseSync(path.join(root, 'counts.db')).exec(
        'CREATE TABLE views (id TEXT PRIMARY KEY, count INTEGER)',
      );
      return here('buffer incr views 7');
    },
    begun: isFlushed,
    again: ({ here }) => here('buffer incr views 8'),
    done: isFlushed,
    listed: ['buffer', 'views'],
  },
  {
    words: 'log write web -',
    types: 'before\n',
    begun: (scene) => has(scene, 'recent:web:info'),
    again: ({ type }) => type('after\n'),
    done: (scene) => has(scene, 'recent:web:info'),
    listed: ['log', 'web:info'],
  },
  {
    words: 'chat tail ops --as ann',
    before: async ({ here }) => {
      await here('chat create ops --members ann,bob');
      await here('chat send ops hello --as bob');
    },
    begun: ({ output }) => output.stdout.includes('hello'),
    ends: 4,
    says: /The room `ops` is gone: its last member left, or Redis has lost it/,
  },
  {
    words: 'ship consume logs: --as 0 --out out',
    before: ({ here }) => void here('ship run a.log --channel logs: --consumers 1 --keep-open'),
    begun: ({ root }) => existsSync(path.join(root, 'out', 'a.log')),
    again({ root, here }) {
      if (existsSync(path.join(root, 'b.log'))) return;
      writeFileSync(path.join(root, 'b.log'), 'second\n');
      void here('ship run b.log --channel logs: --consumers 1 --keep-open');
    },
    done: ({ root }) => existsSync(path.join(root, 'out', 'b.log')),
    listed: ['ship', 'logs:'],
  },
  {
    words: 'hits add -',
    types: 'visits\n',
    begun: hasHits,
    again: ({ type }) => type('visits\n'),
    done: hasHits,
    listed: ['hits', 'visits'],
  },
  {
    words: 'watch --every 200ms --json',
    before: ({ here }) => here('lock acquire one --ttl 1h'),
    begun: ({ output }) => output.stdout.includes('"one"'),
    again: ({ here }) => here('lock acquire two --ttl 1h'),
    done: ({ output }) => output.stdout.includes('"two"'),
  },
];

const calamities: Readonly<Record<string, (server: RedisServer, redis: Redis) => Promise<unknown>>> = {
  FLUSHALL: (_server, redis) => redis.flushall(),
  'an empty restart': async (server) => {
    await server.stop();
    await server.start();
  },
};
const rows = Object.keys(calamities).flatMap((what) => daemons.map((daemon) => ({ what, ...daemon })));
const slow = { timeout: 30_000, interval: 200 };

describe.concurrent('the server loses everything', () => {
  test.each(rows)(
    '$what: $words',
    async ({ what, words, before, types, begun, again, done, listed, says, ends }) => {
      const server = await startRedis();
      const redis = server.client();
      const root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-empty-'));
      mkdirSync(path.join(root, 'base'));
      writeFileSync(path.join(root, 'base', 'a'), 'a');
      writeFileSync(path.join(root, 'a.log'), 'first\n');
      const here = (line: string) => run(line.split(' '), { url: server.url, cwd: root });
      await before?.({ root, here });
      const child = start(words.split(' '), { url: server.url, cwd: root });
      const scene: Scene = {
        redis,
        root,
        output: { stdout: '', stderr: '' },
        here,
        type: (text) => void child.stdin?.write(text),
      };
      child.stdout?.on('data', (chunk: Buffer) => {
        scene.output.stdout += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        scene.output.stderr += chunk.toString();
      });
      try {
        if (types !== undefined) scene.type(types);
        await vi.waitFor(async () => expect(await begun(scene), scene.output.stderr).toBe(true), slow);
        await calamities[what]?.(server, redis);
        await vi.waitFor(async () => {
          if (ends !== undefined) {
            expect(child.exitCode).toBe(ends);
            return;
          }
          expect(child.exitCode, scene.output.stderr).toBeNull();
          await again?.(scene);
          expect(await done?.(scene)).toBe(true);
          if (listed) expect(await redis.zscore(`quarterdeck:${listed[0]}`, listed[1])).not.toBeNull();
        }, slow);
        await vi.waitFor(() => expect(scene.output.stderr).toMatch(says ?? /^$/), slow);
      } finally {
        await kill(child);
        await server.close();
        rmSync(root, { recursive: true });
      }
    },
    90_000,
  );
});
