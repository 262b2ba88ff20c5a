import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createConnection } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { EmbeddedError } from './errors.ts';

/**
 * A private redis-server on a unix socket, without a network port: started by its first user, joined by the others,
 * ended with the last.
 *
 * Nobody can be trusted to be the one who turns off the light (any user may be killed), so a small keeper process
 * counts the server's clients and shuts it down once nobody but itself has been there for `lingerMs`. What was
 * written survives in an append-only file in the same directory, for the next first user.
 */

const lingerMs = 3000;
const patienceMs = 10_000;

/**
 * Starts or joins the server of this directory and returns its URL.
 * @throws {EmbeddedError} when neither redis-server nor valkey-server can be run, or it does not come up
 */
export async function startEmbedded({
  embeddedDirectory,
}: Pick<Config, 'embeddedDirectory'>): Promise<string> {
  const socket = path.join(embeddedDirectory, 'redis.sock');
  const url = `unix://${encodeURI(socket)}`;
  if (Buffer.byteLength(socket) > 100) {
    throw new EmbeddedError(`the path ${socket} is too long for a unix socket`, {
      hint: 'Set QUARTERDECK_EMBEDDED_DIRECTORY to a shorter one',
    });
  }
  try {
    mkdirSync(embeddedDirectory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new EmbeddedError(messageOf(error), { cause: error, hint: 'Set QUARTERDECK_EMBEDDED_DIRECTORY' });
  }

  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if (await isUp(socket)) return url;
    const turn = takeTurn(embeddedDirectory);
    if (turn) {
      try {
        if (!(await isUp(socket))) await start(embeddedDirectory, socket);
        return url;
      } finally {
        turn.done();
      }
    }
    // Another process is starting it.
    await wait(20);
  }
  throw new EmbeddedError(`nothing answers at ${socket}`, {
    hint: `Look into ${path.join(embeddedDirectory, 'redis.log')}`,
  });
}

/** The keeper's whole life: ends the server when its last user has gone. Run as a process of its own. */
export async function keepEmbedded(directory: string): Promise<void> {
  const redis = new Redis({
    path: path.join(directory, 'redis.sock'),
    connectionName: 'quarterdeck:keeper',
    retryStrategy: (attempt) => (attempt > 5 ? null : 100),
    maxRetriesPerRequest: 0,
  });
  redis.on('error', () => {});
  let aloneSinceMs: number | undefined;
  try {
    for (;;) {
      await wait(500);
      const clients = String(await redis.client('LIST'))
        .trim()
        .split('\n');
      const users = clients.filter((line) => !line.includes('name=quarterdeck:keeper'));
      if (users.length > 0) aloneSinceMs = undefined;
      else aloneSinceMs ??= performance.now();
      if (aloneSinceMs !== undefined && performance.now() - aloneSinceMs > lingerMs)
        await redis.shutdown('NOSAVE');
    }
  } catch {
    // The server has ended, by our SHUTDOWN or otherwise: nothing is left to keep.
    redis.disconnect();
  }
}

async function start(directory: string, socket: string): Promise<void> {
  const failures: string[] = [];
  for (const program of ['redis-server', 'valkey-server']) {
    const words = [
      ...['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700'],
      ...['--dir', directory, '--logfile', path.join(directory, 'redis.log'), '--pidfile', ''],
      ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec', '--daemonize', 'no'],
    ];
    const failure = await launch(program, words, directory, socket);
    if (failure === undefined) {
      launchKeeper(directory);
      return;
    }
    failures.push(`${program}: ${failure}`);
  }
  throw new EmbeddedError(failures.join('; '));
}

/** Resolves with nothing once the server answers, or with why it does not. */
async function launch(
  program: string,
  words: readonly string[],
  directory: string,
  socket: string,
): Promise<string | undefined> {
  const child = spawn(program, words, { cwd: directory, detached: true, stdio: 'ignore' });
  let failure: string | undefined;
  child.once('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ENOENT' ? 'not installed' : error.message;
  });
  child.once('exit', (code) => {
    failure ??= `ended with status ${code}, see ${path.join(directory, 'redis.log')}`;
  });
  child.unref();
  const deadline = Date.now() + patienceMs;
  while (failure === undefined && Date.now() < deadline) {
    if (await isUp(socket)) return;
    await wait(5);
  }
  return failure ?? 'does not answer';
}

function launchKeeper(directory: string): void {
  const script = process.argv[1];
  if (script === undefined) return;
  const words = ['--max-old-space-size=32', script, 'embedded-keeper', directory];
  spawn(process.execPath, words, { detached: true, stdio: 'ignore' }).unref();
}

/** One starter at a time: a lock file with its owner's pid, taken over when that process is gone. */
function takeTurn(directory: string): { done(): void } | undefined {
  const file = path.join(directory, 'starting.pid');
  try {
    const descriptor = openSync(file, 'wx');
    writeSync(descriptor, String(process.pid));
    closeSync(descriptor);
    return { done: () => rmSync(file, { force: true }) };
  } catch {
    try {
      const owner = Number(readFileSync(file, 'utf8'));
      if (owner > 0) process.kill(owner, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(file, { force: true });
    }
  }
}

function isUp(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket, () => connection.write('PING\r\n'));
    connection.once('data', (data) => {
      connection.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
    connection.once('error', () => resolve(false));
  });
}
