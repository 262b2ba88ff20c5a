import type { Config } from '../../config.ts';
import { messageOf, type QuarterdeckError } from '../../errors.ts';
import { backoffMs } from '../backoff.ts';
import { type Client, isCluster } from '../client.ts';
import {
  AuthenticationError,
  isTlsRefusal,
  LostError,
  protocolFault,
  RefusedError,
  UnknownGroupError,
  UnreachableError,
} from '../errors.ts';
import { refused } from '../refusals.ts';
import { greetingOf } from './greeting.ts';
import { clusterClient, type Hooks, sentinelClient, serverClient } from './make-client.ts';
import { isSilent, nodeFault } from './node-reasons.ts';
import { trackUnanswered, type Unanswered } from './unanswered.ts';

/**
 * One server, Sentinel group or cluster, over two connections: one asks, one listens (opened on first use).
 *
 * The settings answer known traps of ioredis 6: commands in flight are resent after a reconnect and wait for it
 * without limit (so every write of ours survives being sent twice, and callers set their own timeouts); a
 * silent socket is cut after `silentAfterMs`; READONLY after a failover reconnects and resends, ever more slowly, also
 * when connecting succeeds (nothing but a replica may be there); autopipelining is
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
  /**
   * Rejects once the connection has been gone, or a command has had no answer, for `timeoutMs` on end, however often
   * it reconnected meanwhile; never resolves.
   * @param signal ends the watch
   * @throws {LostError | RefusedError} with what the server, or the network, last said
   */
  lost(timeoutMs: number, signal?: AbortSignal): Promise<never>;
  /** Does the next attempt to connect now; whether that was waited for. */
  retryNow(): boolean;
  /** Why it never answered, as far as anybody knows. */
  whyUnreached(): QuarterdeckError;
  /** What it answers lately in the place of doing what is asked, where the client connects anew and asks again. */
  refusal(): RefusedError | undefined;
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
/** How long what was sent last may take to get out. */
const lastWordsMs = 200;
/** Without a refusal for this long, the next one is the first again. */
const calmAfterMs = 20_000;
const unreachable =
  /no sentinel tells of a primary \(Connection is closed|ECONNREFUSED|ENOENT|ENOTFOUND|EACCES|EHOSTUNREACH|ENETUNREACH|cluster support disabled|CERT|SELF_SIGNED|ERR_SSL|EPROTO/;

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
  const unanswered = trackUnanswered();
  const refusals = countRefusals();

  const ask = build({
    role: 'ask',
    onRefused: refusals.add,
    retryDelayMs(attempt) {
      const delayMs = backoffMs(Math.max(attempt, refusals.recent()));
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
    // An alert of TLS may lose the race against the reset behind it: the reason of an earlier attempt still holds.
    if (/ECONNRESET|EPIPE/.test(error.message) && isTlsRefusal(lastError)) return;
    const cause = nodeFault(error) ?? error;
    if (!isSilent(cause)) lastError = protocolFault(cause) ?? cause;
  });
  let wasReady = false;
  ask.on('ready', () => {
    lastError = undefined;
    wasReady = true;
    move({ name: 'live' });
  });
  ask.on('close', () => {
    if (!wasReady && kind !== 'sentinel' && !unreachable.test(lastError?.message ?? '')) {
      const { tls } = (isCluster(ask) ? ask.options.redisOptions : ask.options) ?? {};
      // Of a Cluster the first of the nodes given.
      const [first = url] = url.split(' ');
      void greetingOf(first, tls).then((reason) => {
        if (reason === undefined || current.name === 'live') return;
        ask.emit('error', reason);
      });
    }
    wasReady = false;
    if (current.name === 'live') move({ name: 'lost', ...(lastError && { error: lastError.message }) });
  });
  const send: (...words: never[]) => unknown = ask.sendCommand.bind(ask);
  Object.assign(ask, {
    sendCommand(...words: never[]) {
      sent += 1;
      const [command] = words;
      if (command) unanswered.add(command);
      return send(...words);
    },
  });

  const lastWords = (): Error | undefined => refusals.last() ?? lastError;
  const connection: Connection = {
    kind,
    url,
    ask,
    listen() {
      if (listening) return listening;
      const client = build({ role: 'listen', onRefused: () => {}, retryDelayMs: backoffMs });
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
    ready: (timeoutMs) => ready(connection, timeoutMs, lastWords),
    lost: (timeoutMs, signal) => lost(connection, { timeoutMs, signal, unanswered, lastWords }),
    retryNow() {
      const isWaiting = ask.status === 'reconnecting';
      if (isWaiting) ask.connect().catch(() => {});
      return isWaiting;
    },
    whyUnreached() {
      const error = lastWords();
      const wholeSecondsMs = Math.ceil((Date.now() - current.sinceMs) / 1000) * 1000;
      return (error && refusalOf(url, error)) ?? unreached(url, error, wholeSecondsMs);
    },
    refusal() {
      const refusal = refused(refusals.last(), `Redis at ${url}`);
      return refusal instanceof RefusedError ? refusal : undefined;
    },
    sent: () => sent,
    close() {
      clearInterval(heartbeat);
      unanswered.stop();
      if (listening) end(listening);
      end(ask);
    },
  };
  return connection;
}

/** Disconnects for good; whoever still waits for an answer hears that there will be none. */
function end(client: Client): void {
  const isBetweenAttempts = client.status === 'reconnecting';
  const nodes = isCluster(client) ? client.nodes() : [client];
  const streams = nodes.flatMap(({ stream }) => stream ?? []);
  client.disconnect();
  // A socket that was ended waits for its other side to end it too, which a server that hangs never does.
  setTimeout(() => {
    for (const stream of streams) stream.destroy();
  }, lastWordsMs).unref();
  // Between two attempts ioredis 6 stops trying and leaves what is queued unanswered for ever: an attempt that is
  // broken off rejects it.
  if (!isBetweenAttempts || isCluster(client)) return;
  client.connect().catch(() => {});
  client.disconnect();
}

function ready(connection: Connection, timeoutMs: number, lastWords: () => Error | undefined): Promise<void> {
  if (connection.state().name === 'live') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const { ask, url, kind } = connection;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      ask.off('error', judge);
      ask.off('end', ended);
      stop();
      settle();
    };
    const judge = (error: Error): void => {
      const refusal = refusalOf(url, error);
      // The sentinels will name another one soon.
      const isFailingOver = kind === 'sentinel' && !/no sentinel tells/.test(error.message);
      if (refusal && !(isFailingOver && refusal instanceof UnreachableError)) finish(() => reject(refusal));
    };
    const ended = (): void =>
      finish(() => reject(new UnreachableError(url, lastWords(), 'the connection was closed')));
    const timer = setTimeout(() => {
      finish(() => reject(unreached(url, lastWords(), timeoutMs)));
    }, timeoutMs);
    const stop = connection.onState((state) => {
      if (state.name === 'live') finish(resolve);
    });
    ask.on('error', judge);
    ask.on('end', ended);
    const error = lastWords();
    if (error) judge(error);
  });
}

/** That nothing was reached in this time, and why. */
function unreached(url: string, error: Error | undefined, ms: number): QuarterdeckError {
  const refusal = refused(error, `Redis at ${url}`);
  if (refusal instanceof RefusedError) return refusal;
  const detail = error ? messageOf(error) : `no answer within ${ms / 1000}s`;
  return new UnreachableError(url, error, detail);
}

/** Failures that waiting does not mend; a server that is still loading or failing over is waited for. */
function refusalOf(url: string, error: Error): QuarterdeckError | undefined {
  for (const cause of [error, nodeFault(error) ?? []].flat()) {
    if (/NOAUTH|WRONGPASS|invalid password|no password is set|NOPERM|protected mode/i.test(cause.message)) {
      return new AuthenticationError(url, cause, cause.message);
    }
    if (/ERR No such master/.test(cause.message)) return new UnknownGroupError(url, cause);
    const code = 'code' in cause ? String(cause.code) : '';
    if (unreachable.test(code) || unreachable.test(cause.message))
      return new UnreachableError(url, cause, cause.message);
  }
}

type Refusals = {
  add(refusal: Error): void;
  /** How many there were without a long pause between them. */
  recent(): number;
  last(): Error | undefined;
};

/** Refusals that make a client connect anew: each of them succeeds in connecting, so nobody else counts them. */
function countRefusals(): Refusals {
  let count = 0;
  let last: { readonly refusal: Error; readonly atMs: number } | undefined;
  const isRecent = (): boolean => last !== undefined && performance.now() - last.atMs < calmAfterMs;
  return {
    add(refusal) {
      count = isRecent() ? count + 1 : 1;
      last = { refusal, atMs: performance.now() };
    },
    recent: () => (isRecent() ? count : 1),
    last: () => (isRecent() ? last?.refusal : undefined),
  };
}

function lost(
  { url, state }: Connection,
  {
    timeoutMs,
    signal,
    unanswered,
    lastWords,
  }: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
    readonly unanswered: Unanswered;
    readonly lastWords: () => Error | undefined;
  },
): Promise<never> {
  return new Promise((_, reject) => {
    const judge = (): void => {
      const { name, sinceMs } = state();
      const awayMs = name === 'live' ? 0 : Date.now() - sinceMs;
      const silentMs = Math.max(awayMs, unanswered.oldestMs() ?? 0);
      if (silentMs < timeoutMs) return;
      clearInterval(timer);
      const cause = lastWords();
      const refusal = refused(cause, `Redis at ${url}`);
      if (refusal instanceof RefusedError) reject(refusal);
      else reject(new LostError(url, silentMs, cause?.message, cause));
    };
    const timer = setInterval(judge, Math.max(20, Math.min(250, timeoutMs / 4))).unref();
    signal?.addEventListener('abort', () => clearInterval(timer), { once: true });
  });
}
