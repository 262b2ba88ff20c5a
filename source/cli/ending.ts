import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { QuarterdeckError } from '../errors.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { RefusedError } from '../redis/errors.ts';
import { refused } from '../redis/refusals.ts';

/** The exit code of a command that a signal ended. */
const exitCodeOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type EndSignal = keyof typeof exitCodeOf;

/** How long a command may take to put things in order after a signal, unless it says otherwise. */
const usualMs = 2000;
/** The longest of all; what starts us sends SIGKILL after some seconds more. */
const longestMs = 4000;

/** A signal ended the run before everything was in order: says what is not known to be done. */
export class EndedError extends QuarterdeckError {
  constructor(by: string, reason: string, unconfirmed: readonly string[]) {
    const left = unconfirmed.length === 0 ? '' : `; not confirmed: ${unconfirmed.join(', ')}`;
    super('connection', 'ENDED', `Ended by ${by} ${reason}${left}`);
  }
}

/** Why `ended` was aborted; its message is the name of the signal. */
export function endedBy(signal: EndSignal): DOMException {
  return new DOMException(signal, 'AbortError');
}

/**
 * Lets a command put things in order on the first signal; a second one ends at once. Resolves to the exit code. What the
 * command did not catch ends it as a failure that it threw would; after a signal it is reported, expected or not.
 */
export async function untilEnded(
  run: (ended: AbortSignal) => Promise<number>,
  {
    isSupervising,
    report,
  }: { readonly isSupervising: boolean; readonly report: (error: unknown) => Promise<unknown> },
): Promise<number> {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // What runs another program passes each signal on to that.
      if (exitCode !== undefined && !isSupervising) process.exit(exitCodeOf[signal]);
      exitCode = exitCodeOf[signal];
      controller.abort(endedBy(signal));
    });
  }
  try {
    const own = await run(controller.signal);
    return isSupervising ? own : (exitCode ?? own);
  } catch (error) {
    if (exitCode === undefined) throw error;
    // That it ended is no failure; what it could not do for another reason is.
    const isOwnEnd = error instanceof Error && error.name === 'AbortError';
    if (!isOwnEnd) await report(error);
    return exitCode;
  }
}

function nameOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : 'a signal';
}

/** Waits for what has nothing to put in order: the signal ends it at once. @throws {EndedError} then */
export async function orEnded<Value>(
  waiting: Promise<Value>,
  ended: AbortSignal,
  reason: string,
): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onEnd = (): void => reject(new EndedError(nameOf(ended), reason, []));
  if (ended.aborted) onEnd();
  else ended.addEventListener('abort', onEnd, { once: true });
  // The other one may fail later, when nobody waits for it any more.
  waiting.catch(() => {});
  promise.catch(() => {});
  try {
    return await Promise.race([waiting, promise]);
  } finally {
    ended.removeEventListener('abort', onEnd);
  }
}

function silence({ url, state }: Connection): string {
  const { name, error } = state();
  return name === 'live' || error === undefined ? url : `${url} (${error})`;
}

/**
 * Rejects with an EndedError once the run took too long to end after the signal: a server that does not answer must
 * not keep it. Never resolves.
 */
export async function overdue(
  ended: AbortSignal,
  {
    connections,
    endsWithinMs = usualMs,
    unconfirmed,
    writes,
  }: {
    readonly connections: readonly Connection[];
    readonly endsWithinMs?: number | undefined;
    readonly unconfirmed: () => readonly string[];
    /** It changes something: without an answer nobody knows whether the last change was made. */
    readonly writes: boolean;
  },
): Promise<never> {
  if (!ended.aborted) {
    await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }));
  }
  const silent = new Set(connections);
  const refusals = new Map<Connection, string>();
  for (const connection of connections) {
    const { ask, url } = connection;
    ask.ping().then(
      () => silent.delete(connection),
      (error: unknown) => {
        // To refuse PING, too, is an answer.
        const refusal = refused(error, `Redis at ${url}`);
        if (!(refusal instanceof RefusedError)) return;
        silent.delete(connection);
        refusals.set(connection, refusal.message);
      },
    );
  }
  const longest = Math.min(endsWithinMs, longestMs);
  await wait(Math.min(usualMs, longest));
  // More time is only for those whose server answers: the others would wait for it in vain.
  if (silent.size === 0) await wait(longest - usualMs);
  const left = unconfirmed();
  // Whom a replica refused is between two connections: it hears no answer now, and had one.
  for (const connection of silent) {
    const refusal = connection.refusal();
    if (!refusal) continue;
    silent.delete(connection);
    refusals.set(connection, refusal.message);
  }
  const reasons = [...refusals.values()];
  if (silent.size > 0) reasons.push(`Redis at ${[...silent].map(silence).join(', ')} did not answer`);
  const reason = reasons.length === 0 ? 'before it was done' : `while ${reasons.join(', and ')}`;
  const doubt = writes && silent.size > 0 && left.length === 0 ? '; its last write may be done or not' : '';
  throw new EndedError(nameOf(ended), `${reason}${doubt}`, left);
}
