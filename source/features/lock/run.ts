import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { Config } from '../../config.ts';
import { QuarterdeckError } from '../../errors.ts';
import { signalGroup } from '../../system/process-group.ts';
import { CommandNotStartedError, LockLostError } from './errors.ts';
import type { FromKeeper, Known, Task, ToKeeper } from './holder/keeper.ts';

/**
 * Runs a command while holding a lock. The lock is the keeper's (a thread); here are the command, its process group
 * and the signals.
 *
 * The command leads a process group (and session) of its own, so that all it starts can be ended together. If we are
 * killed outright, nobody renews and nobody is left to end it; therefore a shell in its group waits on a pipe that
 * only we hold, and ends the group when that pipe closes without a word.
 */
export type RunOptions = Omit<Task, 'config'> & {
  readonly config: Config;
  readonly commandLine: readonly string[];
  /** Called once the lock is held. */
  readonly onHeld?: (held: { token: string; fence: number }) => void;
};

export type Ran =
  | { readonly name: 'not-obtained' }
  /** By a signal, before the command started. */
  | { readonly name: 'interrupted'; readonly exitCode: number }
  /** `wasHeld` undefined: Redis did not confirm in time that the lock was released. */
  | { readonly name: 'ran'; readonly exitCode: number; readonly wasHeld: boolean | undefined };

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;
/** The lock lapses by itself: a Redis that does not answer must not hold up the end of the run. */
const releaseMs = 1000;
/** Nor must one that does not even let us connect, once a signal has come. */
const giveUpMs = 2000;

/** Words: grace in seconds, the command and its arguments. Whoever may list processes sees these, but no environment. */
const guardScript = `
( ( trap '' TERM INT HUP QUIT
    read -r word <&3 && exit
    kill -TERM 0; sleep "$1"; kill -KILL 0 ) </dev/null >/dev/null 2>&1 & )
exec 3<&-
shift
exec "$@"`;

/**
 * @returns how it ended; a command killed by signal N counts as exit code 128 + N, one that cannot be run as 126 or 127
 * @throws {LockLostError} when the lock was lost, after the command and all it started have ended
 */
export async function runLocked({ commandLine, onHeld, ...task }: RunOptions): Promise<Ran> {
  const keeper = new Worker(keeperFile(), { workerData: task satisfies Task });
  const messages = listenTo(keeper);
  const tell = (message: ToKeeper): void => keeper.postMessage(message);
  let child: ChildProcess | undefined;
  let interruptedBy: NodeJS.Signals | undefined;
  const givenUp = Promise.withResolvers<{ name: 'refused' }>();
  let deadline: NodeJS.Timeout | undefined;
  const pass = (signal: NodeJS.Signals): void => {
    if (child?.pid !== undefined) return void signalGroup(child.pid, signal);
    if (signal === 'SIGWINCH') return;
    interruptedBy ??= signal;
    tell({ name: 'give-up' });
    deadline ??= setTimeout(givenUp.resolve, giveUpMs, { name: 'refused' });
  };
  // A stopped terminal stops the command too; the keeper lets it go on once it knows that the lock is still ours.
  const stop = (): void => {
    if (child?.pid !== undefined) signalGroup(child.pid, 'SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  };
  const go = (): void => tell({ name: 'continued' });
  for (const signal of passedOn) process.on(signal, pass);
  process.on('SIGTSTP', stop);
  process.on('SIGCONT', go);

  try {
    const first = await Promise.race([messages.either('held', 'refused', 'lost'), givenUp.promise]);
    if (first.name === 'refused' && interruptedBy) {
      return { name: 'interrupted', exitCode: exitCodeOf(interruptedBy) };
    }
    if (first.name === 'refused') return { name: 'not-obtained' };
    if (first.name === 'lost') throw new LockLostError(task.name, first.reason);
    if (interruptedBy) {
      await finish(messages, tell);
      return { name: 'interrupted', exitCode: exitCodeOf(interruptedBy) };
    }
    onHeld?.(first);
    const started = start(commandLine, task, first);
    child = started;
    // Nobody would renew any more: the closed pipe ends the command.
    keeper.once('exit', () => started.stdio[3]?.destroy());
    if (started.pid !== undefined) tell({ name: 'guard', pid: started.pid });
    const exitCode = await ended(started).catch(async (error: unknown) => {
      await finish(messages, tell);
      throw new CommandNotStartedError(commandLine.join(' '), error);
    });
    const last = await finish(messages, tell);
    if (last.name === 'ended') throw new LockLostError(task.name, messages.lostBy() ?? 'doubt');
    return { name: 'ran', exitCode, wasHeld: last.wasHeld };
  } catch (error) {
    if (interruptedBy) return { name: 'interrupted', exitCode: exitCodeOf(interruptedBy) };
    throw error;
  } finally {
    clearTimeout(deadline);
    for (const signal of passedOn) process.off(signal, pass);
    process.off('SIGTSTP', stop);
    process.off('SIGCONT', go);
    await keeper.terminate();
  }
}

function start(
  commandLine: readonly string[],
  { name, ttlMs }: Omit<Task, 'config'>,
  { token, fence }: { token: string; fence: number },
): ChildProcess {
  const graceSeconds = Math.max(1, Math.round(Math.min(ttlMs / 4, 20_000) / 1000));
  return spawn('/bin/sh', ['-c', guardScript, 'quarterdeck', String(graceSeconds), ...commandLine], {
    detached: true,
    // biome-ignore lint/style/noProcessEnv: the command inherits the environment, it is not read here
    env: { ...process.env, LOCK_NAME: name, LOCK_TOKEN: token, LOCK_FENCE: String(fence) },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
}

/** Resolves with the exit code, once the guard knows that the rest of the group is to be left alone. */
async function ended(child: ChildProcess): Promise<number> {
  const guard = child.stdio[3] as Writable;
  guard.on('error', () => {});
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...how) => resolve(how));
  });
  guard.end('\n');
  return code ?? exitCodeOf(signal ?? 'SIGKILL');
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

type Messages = ReturnType<typeof listenTo>;

/** Frees the lock; or, when it was lost, waits until the keeper has ended the command's group. */
async function finish(
  messages: Messages,
  tell: (message: ToKeeper) => void,
): Promise<{ name: 'ended' } | { name: 'released'; wasHeld: boolean | undefined }> {
  tell({ name: 'release' });
  const timeout = new Promise<'late'>((resolve) => setTimeout(resolve, releaseMs, 'late').unref());
  const last = await Promise.race([messages.either('released', 'ended', 'lost'), timeout]);
  if (last === 'late') return { name: 'released', wasHeld: undefined };
  return last.name === 'lost' ? await messages.either('ended') : last;
}

function listenTo(keeper: Worker) {
  const heard: FromKeeper[] = [];
  const news = new EventEmitter();
  keeper.on('message', (message: FromKeeper) => {
    heard.push(message);
    news.emit('message');
  });
  keeper.on('error', (error) => {
    heard.push({ name: 'failed', error, known: undefined });
    news.emit('message');
  });
  return {
    /** The first of these messages, whether it came already or not. Rejects once the keeper failed. */
    async either<Name extends FromKeeper['name']>(
      ...names: Name[]
    ): Promise<Extract<FromKeeper, { name: Name }>> {
      for (;;) {
        const failed = heard.find((message) => message.name === 'failed');
        if (failed) throw revive(failed.error, failed.known);
        const found = heard.find((message) => names.some((name) => name === message.name));
        if (found) return found as Extract<FromKeeper, { name: Name }>;
        await once(news, 'message');
      }
    },
    lostBy: () => heard.find((message) => message.name === 'lost')?.reason,
  };
}

function revive(error: unknown, known: Known | undefined): unknown {
  if (!known) return error;
  const { kind, code, message, hint } = known;
  return new QuarterdeckError(kind, code, message, { cause: error, ...(hint !== undefined && { hint }) });
}

/** Built, the keeper lies beside cli.js and this code in a chunk below; unbuilt, they are neighbours. */
function keeperFile(): URL {
  const isBuilt = !import.meta.url.endsWith('.ts');
  return new URL(isBuilt ? '../lock-keeper.js' : './holder/keeper.ts', import.meta.url);
}
