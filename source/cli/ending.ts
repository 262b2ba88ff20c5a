import { setTimeout as wait } from 'node:timers/promises';
import { QuarterdeckError } from '../errors.ts';
import type { Connection } from '../redis/connection/connect.ts';

/** The exit code of a command that a signal ended. */
export const exitCodeOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type EndSignal = keyof typeof exitCodeOf;

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
  const silent = new Set(connections.map(({ url }) => url));
  for (const { ask, url } of connections) {
    ask.ping().then(
      () => silent.delete(url),
      () => {},
    );
  }
  const longest = Math.min(endsWithinMs, longestMs);
  await wait(Math.min(usualMs, longest));
  // More time is only for those whose server answers: the others would wait for it in vain.
  if (silent.size === 0) await wait(longest - usualMs);
  const left = unconfirmed();
  const reason =
    silent.size === 0 ? 'before it was done' : `while Redis at ${[...silent].join(', ')} did not answer`;
  const doubt = writes && silent.size > 0 && left.length === 0 ? '; its last write may be done or not' : '';
  throw new EndedError(nameOf(ended), `${reason}${doubt}`, left);
}
