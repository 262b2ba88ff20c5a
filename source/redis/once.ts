import { randomBytes } from 'node:crypto';

/**
 * Numbers for acts that must happen once although ioredis may send them twice.
 *
 * ioredis resends what was in flight when a connection broke, and cannot know whether it was executed. A script that
 * must not run twice keeps a ZSET for each process it hears from: what it answered, under the number of the act; it
 * looks there first, and forgets every number below `settled`, whose answers have all arrived. So the ZSET holds no
 * more than what is in flight, and a time to live takes it away after the process has gone.
 */
export type Act = {
  /** Goes into the name of the guard key: numbers are this process's own. */
  readonly process: string;
  readonly number: number;
  /** Every act of this process in this scope with a lower number has its answer. */
  readonly settled: number;
};

/** How long a guard key outlives its last act: longer than any reconnect is waited for. */
export const guardLifeMs = 3_600_000;

const ownName = randomBytes(9).toString('base64url');
const inFlight = new Map<string, Set<number>>();
let last = 0;

/** Runs one act of a scope (such as one room); everything it sends carries the same number. */
export async function once<Reply>(scope: string, run: (act: Act) => Promise<Reply>): Promise<Reply> {
  const { act, settle } = begin(scope);
  try {
    return await run(act);
  } finally {
    settle();
  }
}

/** The same for an act that is tried again after it failed, with the same number: call `settle` when it is over. */
export function begin(scope: string): { readonly act: Act; settle(): void } {
  last += 1;
  const number = last;
  const numbers = inFlight.get(scope) ?? new Set();
  inFlight.set(scope, numbers.add(number));
  // Numbers rise and a Set keeps their order: the first is the lowest.
  const [settled = number] = numbers;
  return {
    act: { process: ownName, number, settled },
    settle() {
      numbers.delete(number);
      if (numbers.size === 0) inFlight.delete(scope);
    },
  };
}
