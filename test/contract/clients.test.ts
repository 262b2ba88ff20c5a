import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Redis as LibraryClient, UnsupportedClientError } from '../../source/index.ts';
import { runHere } from '../helpers/batch.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { startSentinel } from '../helpers/redis-sentinel.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { acts } from './client-acts.ts';

/** Every module with every kind of client that a program may hand us, on one server, behind Sentinel, on a Cluster. */

type Made = LibraryClient & { disconnect(): void };
/** What all the packages know. */
type Options = {
  readonly username?: string;
  readonly password?: string;
  readonly keyPrefix?: string;
  readonly stringNumbers?: boolean;
  readonly protocol?: 2 | 3;
  readonly enableAutoPipelining?: boolean;
  readonly lazyConnect?: boolean;
};

type Place = {
  /** A client of each package. */
  readonly make: Readonly<Record<Package, (options: Options) => Made>>;
  readonly flags: readonly string[];
  /** Gives every server a user with these rules. */
  grant(user: string, rules: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

const packages = ['ioredis 6', 'ioredis 5', 'iovalkey'] as const;
type Package = (typeof packages)[number];

const places: Readonly<Record<string, () => Promise<Place>>> = {
  async 'one server'() {
    const server = await startRedis();
    const admin = server.client();
    return {
      make: {
        'ioredis 6': (options) => new Redis({ path: server.socket, ...options }),
        'ioredis 5': (options) => new Redis5({ path: server.socket, ...options }),
        iovalkey: (options) => new Valkey({ path: server.socket, ...options }),
      },
      flags: [],
      async grant(user, rules) {
        await admin.call('ACL', 'SETUSER', user, ...rules);
      },
      close: () => server.close(),
    };
  },
  async Sentinel() {
    const group = await startSentinel();
    const { hostname: host, port } = new URL(group.url);
    const where = { sentinels: [{ host, port: Number(port) }], name: group.name };
    const admin = group.primary.client();
    return {
      make: {
        'ioredis 6': (options) => new Redis({ ...where, ...options }),
        'ioredis 5': (options) => new Redis5({ ...where, ...options }),
        iovalkey: (options) => new Valkey({ ...where, ...options }),
      },
      flags: [],
      async grant(user, rules) {
        await admin.call('ACL', 'SETUSER', user, ...rules);
      },
      close: () => group.close(),
    };
  },
  async Cluster() {
    const cluster = await startCluster();
    const admins = cluster.primaries.map((server) => server.client());
    const where = cluster.urls.map((url) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }));
    return {
      make: {
        'ioredis 6': ({ enableAutoPipelining = false, lazyConnect = false, ...redisOptions }) =>
          new Cluster(where, { enableAutoPipelining, lazyConnect, redisOptions }),
        'ioredis 5': ({ enableAutoPipelining = false, lazyConnect = false, ...redisOptions }) =>
          new Cluster5(where, { enableAutoPipelining, lazyConnect, redisOptions }),
        iovalkey: ({ enableAutoPipelining = false, lazyConnect = false, ...redisOptions }) =>
          new ValkeyCluster(where, { enableAutoPipelining, lazyConnect, redisOptions }),
      },
      flags: ['--cluster'],
      async grant(user, rules) {
        for (const admin of admins) await admin.call('ACL', 'SETUSER', user, ...rules);
      },
      close: () => cluster.close(),
    };
  },
};

const kinds: Readonly<Record<string, readonly [Package, Options]>> = {
  'ioredis 6': ['ioredis 6', {}],
  'ioredis 6, RESP2': ['ioredis 6', { protocol: 2 }],
  ...Object.fromEntries(
    packages.flatMap((name) => [
      [name, [name, {}] as const],
      [`${name}, autopipelining`, [name, { enableAutoPipelining: true }] as const],
      [`${name}, lazyConnect`, [name, { lazyConnect: true }] as const],
    ]),
  ),
  'ioredis 6, a user without @dangerous': ['ioredis 6', { username: 'app', password: 'pw' }],
};

/** Whose autopipelining sorts by the digest of a script. */
const refusedOnCluster = 'iovalkey, autopipelining';

const refused: Readonly<Record<string, readonly [Package, Options]>> = Object.fromEntries(
  packages.flatMap((name) => [
    [`${name}, keyPrefix`, [name, { lazyConnect: true, keyPrefix: 'app:' }] as const],
    [`${name}, stringNumbers`, [name, { lazyConnect: true, stringNumbers: true }] as const],
  ]),
);

describe.each(Object.entries(places))('%s', (where, open) => {
  let place: Place;
  let folder: string;
  const made: Made[] = [];
  const make = ([name, options]: readonly [Package, Options]): Made => {
    const redis = place.make[name](options);
    redis.on('error', () => {});
    made.push(redis);
    return redis;
  };
  /** A folder of its own for each act. */
  const within = (): string => {
    const own = path.join(folder, String(made.length), String(Math.random()));
    mkdirSync(own, { recursive: true });
    return own;
  };
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-clients-'));
    place = await open();
    await place.grant('app', ['on', '>pw', '~*', '&*', '+@all', '-@dangerous', '+cluster|slots']);
  }, 60_000);
  afterAll(async () => {
    for (const redis of made) redis.disconnect();
    await place.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe.each(Object.entries(kinds))('%s', (kind, terms) => {
    let redis: Made;
    beforeAll(() => {
      redis = make(terms);
    });
    test.each(Object.entries(acts))('%s', async (module, { act, gives, refusedOn }) => {
      const done = act(redis, `${module} of ${kind}`, within());
      if (refusedOn === where || (where === 'Cluster' && kind === refusedOnCluster))
        await expect(done).rejects.toThrow(UnsupportedClientError);
      else expect(await done).toEqual(gives);
    });
  });

  const possible = Object.entries(acts).filter(([, { refusedOn }]) => refusedOn !== where);
  describe.each(possible)('%s, a user with the least rights', (module, { act, gives, roles }) => {
    const nameOf = (name: Package) => `${module}-of-${name.replace(' ', '-')}`;
    beforeAll(async () => {
      const names = packages.map((name) => (module === 'ship' ? `${nameOf(name)}:` : nameOf(name)));
      for (const [index, role] of roles.entries()) {
        const { stdout } = await runHere(['acl', role, ...names, ...place.flags, '--json']);
        const { line } = JSON.parse(stdout) as { line: string };
        const rules = line.split(' ').slice(3);
        // The second role comes on top of the first.
        await place.grant(module, [
          ...(index === 0 ? rules : rules.filter((rule) => !/^(reset|clear|-@all)/.test(rule))),
          '>pw',
        ]);
      }
    });
    test.each(packages)('%s', async (name) => {
      const redis = make([name, { username: module, password: 'pw' }]);
      expect(await act(redis, nameOf(name), within())).toEqual(gives);
    });
  });

  describe.each(Object.entries(refused))('%s is refused', (kind, terms) => {
    let redis: Made;
    beforeAll(() => {
      redis = make(terms);
    });
    test.each(Object.entries(acts))('%s, at the first call', async (module, { act }) => {
      await expect(act(redis, `${module} of ${kind}`, within())).rejects.toThrow(UnsupportedClientError);
      expect(redis.status).toBe('wait');
    });
  });
});
