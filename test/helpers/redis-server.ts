import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { afterAll } from 'vitest';

/** A private redis-server on a unix socket: no port to collide, gone with the test file. */
export type RedisServer = {
  readonly url: string;
  readonly socket: string;
  readonly directory: string;
  readonly pid: number;
  client(options?: Omit<RedisOptions, 'replyMapping'>): Redis;
  /** SIGKILL by default; `start()` brings the same socket and data directory back. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends the server, its clients and its directory. Call in `afterAll`. */
  close(): Promise<void>;
};

/** The server of a test file, which ends with the file's last test. To be called at its top level. */
export async function redisForThisFile(...extra: string[]): Promise<RedisServer> {
  const server = await startRedis(...extra);
  afterAll(() => server.close());
  return server;
}

export async function startRedis(...extra: string[]): Promise<RedisServer> {
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
  const socket = path.join(directory, 's');
  const clients = new Set<Redis>();
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    rmSync(socket, { force: true });
    const words = [
      '--port',
      '0',
      '--unixsocket',
      socket,
      '--dir',
      directory,
      '--save',
      '',
      '--loglevel',
      'warning',
    ];
    const started = spawn('redis-server', [...words, ...extra], { stdio: ['ignore', 'ignore', 'inherit'] });
    child = started;
    await Promise.race([
      answers(socket),
      once(started, 'exit').then(([code]) => Promise.reject(new Error(`redis-server exited with ${code}`))),
    ]);
  };
  const stop = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };
  await start();

  return {
    url: `unix://${socket}`,
    socket,
    directory,
    get pid() {
      return child?.pid ?? 0;
    },
    client(options = {}) {
      const client = new Redis({ path: socket, maxRetriesPerRequest: null, ...options });
      client.on('error', () => {});
      clients.add(client);
      return client;
    },
    stop,
    start,
    signal: (signal) => child?.kill(signal),
    async close() {
      for (const client of clients) client.disconnect();
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves once the server answers PING on its socket. */
async function answers(socket: string): Promise<void> {
  for (;;) {
    const isUp = existsSync(socket) && (await ping(socket));
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function ping(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket, () => connection.write('PING\r\n'));
    connection.on('data', (data) => {
      connection.destroy();
      // A server with a password is up, too.
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
    });
    connection.on('error', () => resolve(false));
    connection.on('close', () => resolve(false));
  });
}
