import type { QuarterdeckError } from './errors.ts';

// The words that all modules of the library share. Durations are `...Ms`, points in time `...At` (epoch
// milliseconds), sizes `...Bytes`; what is not known is `undefined`.

/**
 * What the library needs of a client: ioredis 5, ioredis 6 or iovalkey; one server, Sentinel or Cluster.
 *
 * It is a shape, so that the classes of two versions of ioredis are the same type here. Clients with `keyPrefix` or
 * `stringNumbers` are refused at the first call with an `UnsupportedClientError`, and so are other libraries.
 */
export interface Redis {
  status: string;
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: the listeners of events differ, and nothing is read from them here.
  on(event: string | symbol, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: string | symbol, listener: (...args: any[]) => void): unknown;
  disconnect(reconnect?: boolean): void;
  // biome-ignore lint/suspicious/noExplicitAny: the options differ between one server and a cluster.
  duplicate(...args: any[]): unknown;
}

/** Every call may be cancelled: it then rejects with `signal.reason`; a `run` that is cancelled resolves. */
export interface Call {
  readonly signal?: AbortSignal | undefined;
}

/** What needs a second connection, because a connection that listens can do nothing else. */
export interface Listening extends Call {
  /** Makes that connection; by default `redis.duplicate()`. The library closes what this returned. */
  readonly subscriber?: (() => Redis) | undefined;
}

/** What may meet something that does not end it, such as one key of many that holds something else. */
export interface Reporting {
  /** Called with each warning. Without it they go to `process.emitWarning`, once for each code. */
  readonly onEvent?: ((event: Warning) => void) | undefined;
}

/** What runs until it is stopped. */
export interface Daemon<Event> extends Listening {
  /** Everything it does and every trouble it rides out. Without it, warnings go to `process.emitWarning`. */
  readonly onEvent?: ((event: Event | Warning) => void) | undefined;
}

/** Something that did not end the work, but that somebody should know. */
export interface Warning {
  readonly type: 'warning';
  readonly error: QuarterdeckError;
}

/** How much of a list is wanted. Without a limit it is complete. */
export interface Listed extends Call, Reporting {
  readonly limit?: number | undefined;
  /** Also what the index does not know, such as what other programs made, found by a SCAN at a bounded rate. */
  readonly discover?: boolean | undefined;
}

/** How a list is followed: it is read again this often (1000 ms), and given whenever it has changed. */
export interface Watched extends Listening, Reporting {
  readonly intervalMs?: number | undefined;
}

/** Something open. Closing it sends what it still holds, and may be done twice. */
export interface Handle extends AsyncDisposable {
  close(): Promise<void>;
}

/** What a server is and which abilities that some calls need are missing or refused there. */
export interface Support {
  readonly server: 'redis' | 'valkey' | 'redict' | 'unknown';
  readonly version: string | undefined;
  /** Of `script-flags`, `memory-usage`, `sharded-pubsub`, `channels`, `info`. */
  readonly missing: readonly string[];
}
