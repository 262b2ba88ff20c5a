import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { type Client, isCluster } from './client.ts';
import { AuthenticationError, LostError, UnreachableError } from './errors.ts';

/**
 * One server, Sentinel group or cluster, over two connections: one asks, one listens (opened on first use).
 *
 * The settings answer known traps of ioredis 6: commands in flight are resent after a reconnect and wait for it
 * without limit (so every write of ours survives being sent twice, and callers bound their own patience); a
 * silent socket is cut after `silentAfterMs`; READONLY after a failover reconnects and resends; autopipelining is
 * off in Cluster, where a slot move makes it refuse batch after batch (redis/ioredis#2075).
 */
export type Connection = {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** Without user or password. */
  readonly url: string;
  readonly ask: Client;
  listen(): Client;
  state(): ConnectionState;
  onState(listener: (state: ConnectionState) => void): () => void;
  /**
   * Resolves once commands are answered.
   * @throws {UnreachableError | AuthenticationError} at once when refused, else after `timeoutMs`
   */
  ready(timeoutMs: number): Promise<void>;
  /** Rejects with a LostError once the connection has been gone for `timeoutMs` on end; never resolves. */
  lost(timeoutMs: number): Promise<never>;
  /** How many commands this process has sent on the asking connection. */
  sent(): number;
  close(): void;
};

export type ConnectionState = {
  readonly name: 'connecting' | 'live' | 'lost';
  readonly sinceMs: number;
  readonly attempt: number;
  readonly nextRetryAtMs?: number;
  readonly error?: string;
};

type Settings = Omit<RedisOptions, 'replyMapping'>;

const silentAfterMs = 30_000;
const heartbeatMs = 10_000;
const refusals =
  /ECONNREFUSED|ENOENT|ENOTFOUND|EACCES|EHOSTUNREACH|ENETUNREACH|CERT|SELF_SIGNED|ERR_SSL|EPROTO/;

/** One connection for each shard; a single one for a cluster, a Sentinel group or a lone URL. */
export function connect(config: Config): readonly Connection[] {
  if (config.cluster) {
    return [open('cluster', config.urls.join(' '), (hooks) => clusterClient(config, hooks))];
  }
  if (config.sentinel !== undefined) {
    const url = `sentinel ${config.sentinel} by ${config.urls.join(' ')}`;
    return [open('sentinel', url, (hooks) => sentinelClient(config, config.sentinel ?? '', hooks))];
  }
  return config.urls.map((url) =>
    open('standalone', url, (hooks) => new Redis({ ...options(config, hooks), ...address(url, config) })),
  );
}

type Hooks = { readonly role: 'ask' | 'listen'; retryDelayMs(attempt: number): number };

function open(kind: Connection['kind'], url: string, build: (hooks: Hooks) => Client): Connection {
  const listeners = new Set<(state: ConnectionState) => void>();
  let current: ConnectionState = { name: 'connecting', sinceMs: Date.now(), attempt: 0 };
  let lastError: Error | undefined;
  let sent = 0;
  let listening: Client | undefined;
  let heartbeat: NodeJS.Timeout | undefined;

  const move = (next: Partial<ConnectionState> & { name: ConnectionState['name'] }): void => {
    const sinceMs = next.name === current.name ? current.sinceMs : Date.now();
    current = { attempt: 0, ...next, sinceMs };
    for (const listener of listeners) listener(current);
  };
  const retryDelayMs = (attempt: number): number =>
    Math.min(50 * 2 ** (attempt - 1), 4000) + Math.random() * 200;

  const ask = build({
    role: 'ask',
    retryDelayMs(attempt) {
      const delayMs = retryDelayMs(attempt);
      move({
        name: current.name === 'connecting' ? 'connecting' : 'lost',
        attempt,
        nextRetryAtMs: Date.now() + delayMs,
        ...(lastError && { error: lastError.message }),
      });
      return delayMs;
    },
  });
  ask.on('error', (error: Error) => {
    lastError = error;
  });
  ask.on('ready', () => {
    lastError = undefined;
    move({ name: 'live' });
  });
  ask.on('close', () => {
    if (current.name === 'live') move({ name: 'lost', ...(lastError && { error: lastError.message }) });
  });
  const send: (...words: never[]) => unknown = ask.sendCommand.bind(ask);
  Object.assign(ask, {
    sendCommand(...words: never[]) {
      sent += 1;
      return send(...words);
    },
  });

  const connection: Connection = {
    kind,
    url,
    ask,
    listen() {
      if (listening) return listening;
      const client = build({ role: 'listen', retryDelayMs });
      client.on('error', () => {});
      // A subscriber sends nothing, so only a ping can find out that its socket went silent.
      heartbeat = setInterval(() => {
        if (client.status === 'ready') client.ping().catch(() => {});
      }, heartbeatMs);
      heartbeat.unref();
      listening = client;
      return client;
    },
    state: () => current,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ready: (timeoutMs) => ready(connection, timeoutMs, () => lastError),
    lost: (timeoutMs) => lost(connection, timeoutMs),
    sent: () => sent,
    close() {
      clearInterval(heartbeat);
      listening?.disconnect();
      ask.disconnect();
    },
  };
  return connection;
}

function ready(connection: Connection, timeoutMs: number, lastError: () => Error | undefined): Promise<void> {
  if (connection.state().name === 'live') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const { ask, url } = connection;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      ask.off('error', judge);
      ask.off('end', ended);
      stop();
      settle();
    };
    const judge = (error: Error): void => {
      const refusal = refusalOf(url, error);
      if (refusal) finish(() => reject(refusal));
    };
    const ended = (): void =>
      finish(() => reject(new UnreachableError(url, lastError(), 'the connection was closed')));
    const timer = setTimeout(() => {
      const error = lastError();
      const detail = error ? messageOf(error) : `no answer within ${timeoutMs / 1000}s`;
      finish(() => reject(new UnreachableError(url, error, detail)));
    }, timeoutMs);
    const stop = connection.onState((state) => {
      if (state.name === 'live') finish(resolve);
    });
    ask.on('error', judge);
    ask.on('end', ended);
    const error = lastError();
    if (error) judge(error);
  });
}

/** Failures that waiting does not mend; a server that is still loading or failing over is waited for. */
function refusalOf(url: string, error: Error): UnreachableError | AuthenticationError | undefined {
  const causes =
    'lastNodeError' in error && error.lastNodeError instanceof Error ? [error.lastNodeError] : [];
  for (const cause of [error, ...causes]) {
    if (/NOAUTH|WRONGPASS|invalid password|no password is set|NOPERM/i.test(cause.message)) {
      return new AuthenticationError(url, cause, cause.message);
    }
    const code = 'code' in cause ? String(cause.code) : '';
    if (refusals.test(code) || refusals.test(cause.message))
      return new UnreachableError(url, cause, cause.message);
  }
}

function lost(connection: Connection, timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const judge = (state: ConnectionState): void => {
      if (state.name === 'live') {
        clearTimeout(timer);
        timer = undefined;
        return;
      }
      timer ??= setTimeout(() => {
        stop();
        reject(new LostError(connection.url, Date.now() - state.sinceMs));
      }, timeoutMs).unref();
    };
    const stop = connection.onState(judge);
    judge(connection.state());
  });
}

function options(config: Config, hooks: Hooks): Settings {
  return {
    connectionName: `quarterdeck:${hostname()}:${process.pid}:${hooks.role}`.replaceAll(/\s/g, '-'),
    retryStrategy: hooks.retryDelayMs,
    maxRetriesPerRequest: null,
    connectTimeout: 5000,
    socketTimeout: silentAfterMs,
    keepAlive: 10_000,
    enableAutoPipelining: hooks.role === 'ask',
    // After a failover the old master may still answer, as a replica: go and find the new one.
    reconnectOnError: (error) => (/^READONLY|^LOADING|^MASTERDOWN/.test(error.message) ? 2 : false),
    ...(config.password !== undefined && { password: config.password }),
    ...(config.username !== undefined && { username: config.username }),
  };
}

function tls(config: Config, host: string): Settings {
  return {
    tls: {
      servername: host,
      ...(config.tlsCaFile !== undefined && { ca: readFileSync(config.tlsCaFile) }),
    },
  };
}

function address(url: string, config: Config): Settings {
  const parsed = new URL(url);
  if (parsed.protocol === 'unix:') {
    const db = parsed.searchParams.get('db');
    return { path: decodeURIComponent(parsed.pathname), ...(db !== null && { db: Number(db) }) };
  }
  const db = Number(parsed.pathname.slice(1) || 0);
  return {
    host: parsed.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(parsed.port || 6379),
    db,
    ...(parsed.protocol === 'rediss:' && tls(config, parsed.hostname)),
  };
}

function sentinelClient(config: Config, name: string, hooks: Hooks): Redis {
  const sentinels = config.urls.map((url) => {
    const { host = '127.0.0.1', port = 26_379 } = address(url, config);
    return { host, port };
  });
  return new Redis({
    ...options(config, hooks),
    sentinels,
    name,
    failoverDetector: true,
    sentinelRetryStrategy: hooks.retryDelayMs,
    sentinelReconnectStrategy: () => 5000,
  });
}

function clusterClient(config: Config, hooks: Hooks): Cluster {
  const nodes = config.urls.map((url) => {
    const { host = '127.0.0.1', port = 6379 } = address(url, config);
    return { host, port };
  });
  const { retryStrategy: _perNode, maxRetriesPerRequest: _forever, ...redisOptions } = options(config, hooks);
  const isTls = config.urls.some((url) => url.startsWith('rediss:'));
  return new Cluster(nodes, {
    clusterRetryStrategy: hooks.retryDelayMs,
    // Slots move and masters die: keep asking until the caller's own patience ends.
    maxRedirections: 64,
    retryDelayOnFailover: 200,
    retryDelayOnClusterDown: 200,
    retryDelayOnTryAgain: 100,
    slotsRefreshTimeout: 3000,
    slotsRefreshInterval: 5000,
    shardedSubscribers: hooks.role === 'listen',
    redisOptions: {
      ...redisOptions,
      enableAutoPipelining: false,
      ...(isTls && tls(config, nodes[0]?.host ?? '')),
    },
  });
}

/** Every server that holds keys: the masters of a cluster, else the one server. Waits for a cluster's map. */
export async function masters(client: Client): Promise<readonly Redis[]> {
  if (!isCluster(client)) return [client];
  // Before `ready` nodes() is empty, and a loop over nothing would silently do nothing.
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
  return client.nodes('master');
}
