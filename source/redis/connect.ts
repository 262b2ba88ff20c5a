import type { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { messageOf, type QuarterdeckError } from '../errors.ts';
import { type Client, isCluster } from './client.ts';
import { AuthenticationError, LostError, UnknownGroupError, UnreachableError } from './errors.ts';
import { clusterClient, type Hooks, sentinelClient, serverClient } from './make-client.ts';

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
   * @throws {UnreachableError | AuthenticationError | UnknownGroupError} at once when refused, else after `timeoutMs`
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

const heartbeatMs = 10_000;
const refusals =
  /no sentinel tells of a primary \(Connection is closed|ECONNREFUSED|ENOENT|ENOTFOUND|EACCES|EHOSTUNREACH|ENETUNREACH|CERT|SELF_SIGNED|ERR_SSL|EPROTO/;

/** One connection for each shard; a single one for a cluster, a Sentinel group or a lone URL. */
export function connect(config: Config): readonly Connection[] {
  if (config.cluster) {
    return [open('cluster', config.urls.join(' '), (hooks) => clusterClient(config, hooks))];
  }
  if (config.sentinel !== undefined) {
    const url = `sentinel ${config.sentinel} by ${config.urls.join(' ')}`;
    return [open('sentinel', url, (hooks) => sentinelClient(config, config.sentinel ?? '', hooks))];
  }
  return config.urls.map((url) => open('standalone', url, (hooks) => serverClient(config, url, hooks)));
}

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
      if (listening) end(listening);
      end(ask);
    },
  };
  return connection;
}

/** Disconnects for good; whoever still waits for an answer hears that there will be none. */
function end(client: Client): void {
  const isBetweenAttempts = client.status === 'reconnecting';
  client.disconnect();
  // Between two attempts ioredis 6 stops trying and leaves what is queued unanswered for ever: an attempt that is
  // broken off rejects it.
  if (!isBetweenAttempts || isCluster(client)) return;
  client.connect().catch(() => {});
  client.disconnect();
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
function refusalOf(url: string, error: Error): QuarterdeckError | undefined {
  const causes =
    'lastNodeError' in error && error.lastNodeError instanceof Error ? [error.lastNodeError] : [];
  for (const cause of [error, ...causes]) {
    if (/NOAUTH|WRONGPASS|invalid password|no password is set|NOPERM/i.test(cause.message)) {
      return new AuthenticationError(url, cause, cause.message);
    }
    if (/ERR No such master/.test(cause.message)) return new UnknownGroupError(url, cause);
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

/** Every server that holds keys: the masters of a cluster, else the one server. Waits for a cluster's map. */
export async function masters(client: Client): Promise<readonly Redis[]> {
  if (!isCluster(client)) return [client];
  // Before `ready` nodes() is empty, and a loop over nothing would silently do nothing.
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
  return client.nodes('master');
}
