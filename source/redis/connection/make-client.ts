import { hostname } from 'node:os';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Config } from '../../config.ts';
import { refreshSlots } from '../slots.ts';
import { FailoverConnector } from './failover-connector.ts';
import { addressOrName, tellReasons } from './node-reasons.ts';
import { quietReadyCheck } from './ready-check.ts';
import { Secrets } from './secrets.ts';

/** How ioredis clients are made from the settings; why each option is as it is stands in connect.ts. */
type Settings = Omit<RedisOptions, 'replyMapping'>;

export type Hooks = {
  readonly role: 'ask' | 'listen';
  retryDelayMs(attempt: number): number;
  /** The server refused a command with what may pass by connecting anew, which is what happens next. */
  onRefused(refusal: Error): void;
};

const silentAfterMs = 30_000;

export function serverClient(config: Config, url: string, hooks: Hooks): Redis {
  const secrets = new Secrets(config);
  const client = new Redis({
    ...options(config, hooks),
    retryStrategy: hooks.retryDelayMs,
    ...address(url, secrets),
  });
  secrets.serve(client);
  return quietReadyCheck(client, hooks.onRefused);
}

function options(config: Config, hooks: Hooks): Settings {
  return {
    connectionName: `quarterdeck:${hostname()}:${process.pid}:${hooks.role}`.replaceAll(/\s/g, '-'),
    // The name says who this is; CLIENT SETINFO is one more right, and fills the server's ACL log where it is not given.
    disableClientInfo: true,
    maxRetriesPerRequest: null,
    connectTimeout: 5000,
    socketTimeout: silentAfterMs,
    keepAlive: 10_000,
    enableAutoPipelining: hooks.role === 'ask',
    // ioredis waits for nothing it subscribes again by itself: a channel the server refuses by then, or a connection
    // that ends meanwhile, would be a rejection nobody handles. Whoever listens subscribes again on `ready`.
    autoResubscribe: false,
    // After a failover the old master may still answer, as a replica: go and find the new one.
    reconnectOnError(error) {
      if (!/^(READONLY|UNBLOCKED|LOADING|MASTERDOWN)\b/.test(error.message)) return false;
      hooks.onRefused(error);
      return 2;
    },
    ...(config.password !== undefined && { password: config.password }),
    ...(config.username !== undefined && { username: config.username }),
  };
}

function address(url: string, secrets: Secrets, defaultPort = 6379): Settings {
  const parsed = new URL(url);
  if (parsed.protocol === 'unix:') {
    const db = parsed.searchParams.get('db');
    return { path: decodeURIComponent(parsed.pathname), ...(db !== null && { db: Number(db) }) };
  }
  const db = Number(parsed.pathname.slice(1) || 0);
  const host = parsed.hostname.replaceAll(/^\[|\]$/g, '');
  return {
    host,
    port: Number(parsed.port || defaultPort),
    db,
    ...(parsed.protocol === 'rediss:' && { tls: secrets.tls(host) }),
  };
}

/** The URLs are the sentinels'; their database, and whether they are `rediss:`, is meant for the servers as well. */
export function sentinelClient(config: Config, name: string, hooks: Hooks): Redis {
  const secrets = new Secrets(config);
  const addresses = config.urls.map((url) => address(url, secrets, 26_379));
  const isTls = config.urls.some((url) => url.startsWith('rediss:'));
  const client = new Redis({
    ...options(config, hooks),
    retryStrategy: hooks.retryDelayMs,
    Connector: FailoverConnector,
    sentinels: addresses.map(({ host = '127.0.0.1', port = 26_379 }) => ({ host, port })),
    name,
    db: addresses[0]?.db ?? 0,
    ...(config.sentinelPassword !== undefined && { sentinelPassword: config.sentinelPassword }),
    // Whom a sentinel names is known by its address, so that is what its certificate has to be for.
    ...(isTls && { enableTLSForSentinelMode: true, tls: secrets.tls(), sentinelTLS: secrets.tls() }),
    failoverDetector: true,
    sentinelRetryStrategy: hooks.retryDelayMs,
    sentinelReconnectStrategy: () => 5000,
  });
  secrets.serve(client);
  return quietReadyCheck(client, hooks.onRefused);
}

export function clusterClient(config: Config, hooks: Hooks): Cluster {
  const secrets = new Secrets(config);
  const nodes = config.urls.map((url) => {
    const { host = '127.0.0.1', port = 6379 } = address(url, secrets);
    return { host, port };
  });
  const { maxRetriesPerRequest: _forever, ...redisOptions } = options(config, hooks);
  const isTls = config.urls.some((url) => url.startsWith('rediss:'));
  const cluster = new Cluster(nodes, {
    clusterRetryStrategy(attempt) {
      void secrets.renew();
      return hooks.retryDelayMs(attempt);
    },
    // Slots move and masters die: keep asking until the caller's own timeout.
    maxRedirections: 64,
    retryDelayOnFailover: 200,
    retryDelayOnClusterDown: 200,
    retryDelayOnTryAgain: 100,
    slotsRefreshTimeout: 3000,
    // Done by `refreshSlots`.
    slotsRefreshInterval: 0,
    shardedSubscribers: hooks.role === 'listen',
    dnsLookup: addressOrName,
    redisOptions: {
      ...redisOptions,
      enableAutoPipelining: false,
      // It prints a warning of its own where INFO is denied; a node that still loads answers LOADING.
      enableReadyCheck: false,
      ...(isTls && { tls: secrets.tls(nodes[0]?.host) }),
    },
  });
  secrets.serve(cluster);
  return refreshSlots(tellReasons(cluster));
}
