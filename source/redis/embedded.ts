import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { createConnection } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { environmentOfHelpers } from '../environment.ts';
import { ownFolder, withPrivateUmask } from '../own-folders.ts';
import { EmbeddedError } from './errors.ts';

/**
 * A private redis-server on a unix socket, without a network port: started by its first user, joined by the others,
 * ended with the last.
 *
 * Nobody can be trusted to be the one who turns off the light (any user may be killed), so a small keeper process
 * counts the server's clients and shuts it down once nobody but itself has been there for `lingerMs`. Whoever joins a
 * server without a keeper, which may be killed as well, starts another. What was written survives in an append-only
 * file in the same directory, for the next first user.
 */

const lingerMs = 3000;
const startTimeoutMs = 10_000;
/** Longer than anybody needs for starting a server: whose turn is older died without ending it. */
const longestTurnMs = 3 * startTimeoutMs;
/** Followed by its pid. */
const keeperName = 'quarterdeck:keeper:';
const silentAfterMs = 1000;

/**
 * Starts or joins the server of this directory and returns its URL.
 * @throws {EmbeddedError} when neither redis-server nor valkey-server can be run, or it does not come up
 * @throws {FolderError} when the directory is not ours alone: its server would be somebody else's, or read by them
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
  ownFolder(embeddedDirectory);

  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    const seen = await look(socket);
    if (seen === 'kept') return url;
    const turn = seen === 'silent' ? undefined : takeTurn(embeddedDirectory);
    if (turn) {
      try {
        const found = await look(socket);
        if (found === 'down') await start(embeddedDirectory, socket);
        if (found === 'down' || found === 'unkept') await launchKeeper(embeddedDirectory, socket);
        if (found !== 'silent') return url;
      } finally {
        turn.done();
      }
    }
    // Another process is starting it, or it is not ready yet.
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
    connectionName: `${keeperName}${process.pid}`,
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
      const users = clients.filter((line) => !line.includes(` name=${keeperName}`));
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
    if (failure === undefined) return;
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
  const child = withPrivateUmask(() =>
    spawn(program, words, { cwd: directory, env: environmentOfHelpers(), detached: true, stdio: 'ignore' }),
  );
  let failure: string | undefined;
  child.once('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ENOENT' ? 'not installed' : error.message;
  });
  child.once('exit', (code) => {
    failure ??= `ended with status ${code}, see ${path.join(directory, 'redis.log')}`;
  });
  child.unref();
  const deadline = Date.now() + startTimeoutMs;
  while (failure === undefined && Date.now() < deadline) {
    if ((await look(socket)) === 'unkept') return;
    await wait(5);
  }
  return failure ?? 'does not answer';
}

/** Resolves once it watches, so that nobody who joins meanwhile starts a second one. */
async function launchKeeper(directory: string, socket: string): Promise<void> {
  const script = process.argv[1];
  if (script === undefined) return;
  const words = ['--max-old-space-size=32', script, 'embedded-keeper', directory];
  const keeper = withPrivateUmask(() =>
    spawn(process.execPath, words, { env: environmentOfHelpers(), detached: true, stdio: 'ignore' }),
  );
  let isGone = false;
  for (const event of ['error', 'exit']) {
    keeper.once(event, () => {
      isGone = true;
    });
  }
  keeper.unref();
  const deadline = Date.now() + startTimeoutMs;
  while (!isGone && Date.now() < deadline && (await look(socket)) !== 'kept') await wait(5);
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
    if (isAbandoned(file)) rmSync(file, { force: true });
  }
}

/** Its owner is gone, or is another process by now that got the same pid. */
function isAbandoned(file: string): boolean {
  try {
    if (Date.now() - statSync(file).mtimeMs > longestTurnMs) return true;
    const owner = Number(readFileSync(file, 'utf8'));
    if (owner > 0) process.kill(owner, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return false;
}

/** `silent`: there is one, which has been stopped or still loads: another beside it would write into its files. */
type Found = 'down' | 'silent' | 'unkept' | 'kept';

/** Whether a server answers there, and whether a keeper watches it. */
function look(socket: string): Promise<Found> {
  return new Promise((resolve) => {
    const connection = createConnection(socket, () => connection.write('CLIENT LIST\r\n'));
    const finish = (found: Found): void => {
      connection.destroy();
      resolve(found);
    };
    let reply = Buffer.alloc(0);
    connection.on('data', (data) => {
      reply = Buffer.concat([reply, data]);
      const text = reply.toString();
      const [header, length] = /^\$(\d+)\r\n/.exec(text) ?? [];
      if (!text.startsWith('$')) finish('silent');
      else if (header !== undefined && reply.length >= header.length + Number(length)) {
        finish(text.includes(` name=${keeperName}`) ? 'kept' : 'unkept');
      }
    });
    connection.setTimeout(silentAfterMs, () => finish('silent'));
    connection.once('error', () => finish('down'));
    connection.once('end', () => finish('down'));
  });
}
