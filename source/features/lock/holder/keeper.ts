import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../../../config.ts';
import { QuarterdeckError } from '../../../errors.ts';
import { connect } from '../../../redis/connection/connect.ts';
import { endGroup, signalGroup } from '../../../system/process-group.ts';
import { acquire, type Held } from '../lock.ts';

/**
 * The thread behind `lock run`: it alone holds and renews the lock, over a connection of its own, and it alone
 * decides that the command must end. Nothing the other thread does or waits for can delay a renewal, and the order to
 * end goes from here straight to the command's process group.
 *
 * Doubt begins a third of the TTL (30 s at most) before the end of what was last confirmed: SIGTERM then, and SIGKILL
 * after three quarters of that margin, so that the command is gone before anybody else can have the lock.
 */
export type Task = {
  readonly config: Config;
  readonly name: string;
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly label: string;
};

export type ToKeeper =
  | { readonly name: 'give-up' }
  | { readonly name: 'guard'; readonly pid: number }
  | { readonly name: 'continued' }
  | { readonly name: 'release' };

export type FromKeeper =
  | { readonly name: 'held'; readonly token: string; readonly fence: number }
  | { readonly name: 'refused' }
  | { readonly name: 'lost'; readonly reason: 'gone' | 'doubt' }
  /** After `lost`: nothing of the command's group is left. */
  | { readonly name: 'ended' }
  /** `wasHeld` undefined: Redis refused, or the TTL ended before it answered. */
  | { readonly name: 'released'; readonly wasHeld: boolean | undefined }
  | { readonly name: 'failed'; readonly error: unknown; readonly known: Known | undefined };

/** What is left of an error of ours after it crossed between threads. */
export type Known = Pick<QuarterdeckError, 'kind' | 'code' | 'message' | 'hint'>;

const longestMarginMs = 30_000;
const longestRenewalMs = 5000;
/** A timer set further ahead goes off at once. */
const longestTimerMs = 2 ** 31 - 1;

const port = parentPort;
if (port) {
  const tell = (message: FromKeeper): void => port.postMessage(message);
  keep(workerData as Task, tell).catch((error: unknown) => {
    const known =
      error instanceof QuarterdeckError
        ? { kind: error.kind, code: error.code, message: error.message, hint: error.hint }
        : undefined;
    tell({ name: 'failed', error, known });
  });
}

async function keep(
  { config, name, ttlMs, waitMs, label }: Task,
  tell: (message: FromKeeper) => void,
): Promise<void> {
  const [connection] = connect(config);
  if (!connection) return;
  const giveUp = new AbortController();
  let onMessage = (message: ToKeeper): void => {
    if (message.name === 'give-up') giveUp.abort();
  };
  port?.on('message', (message: ToKeeper) => onMessage(message));

  const { ask, lost } = connection;
  const { timeoutMs } = config;
  const { signal } = giveUp;
  const options = {
    ttlMs,
    waitMs,
    rideOutMs: timeoutMs,
    label,
    signal,
    listen: () => connection.listen(),
  };
  await connection.ready(timeoutMs);
  const held = await Promise.race([acquire(ask, name, options), lost(timeoutMs)]);
  if (!held) return tell({ name: 'refused' });
  onMessage = guard(held, tell);
  tell({ name: 'held', token: held.token, fence: held.fence });
}

function guard(held: Held, tell: (message: FromKeeper) => void): (message: ToKeeper) => void {
  const marginMs = Math.min(held.ttlMs / 3, longestMarginMs);
  let pid: number | undefined;
  let isOver = false;
  let isLost = false;
  let isExtending = false;

  const lose = (reason: 'gone' | 'doubt'): void => {
    if (isOver) return;
    stop();
    isLost = true;
    tell({ name: 'lost', reason });
    end();
  };
  const end = (): void => {
    if (pid !== undefined) void endGroup(pid, (marginMs * 3) / 4).then(() => tell({ name: 'ended' }));
  };
  const renewal = setInterval(
    async () => {
      if (isExtending) return;
      isExtending = true;
      // A failed attempt is followed by another one; what counts is whether one is confirmed in time.
      const isHeld = await held.extend().catch(() => true);
      isExtending = false;
      if (!isHeld) lose('gone');
    },
    Math.min(held.ttlMs / 4, longestRenewalMs),
  );
  const watch = (): void => {
    clearTimeout(doubt);
    const leftMs = held.leftMs() - marginMs;
    if (leftMs <= 0) lose('doubt');
    else doubt = setTimeout(watch, Math.min(leftMs, longestTimerMs));
  };
  let doubt = setTimeout(watch, 0);
  const stop = (): void => {
    isOver = true;
    clearInterval(renewal);
    clearTimeout(doubt);
  };

  return (message) => {
    if (message.name === 'guard') {
      pid = message.pid;
      if (isLost) end();
    }
    if (message.name === 'continued' && !isOver) {
      // The whole process was stopped: judge first, then let the command go on (or meet its SIGTERM).
      watch();
      if (pid !== undefined) signalGroup(pid, 'SIGCONT');
    }
    // Once lost there is nothing to release: `ended` is the answer.
    if (message.name === 'release' && isLost && pid === undefined) tell({ name: 'ended' });
    if (message.name === 'release' && !isLost) {
      stop();
      held.release().then(
        (wasHeld) => tell({ name: 'released', wasHeld }),
        () => tell({ name: 'released', wasHeld: undefined }),
      );
    }
  };
}
