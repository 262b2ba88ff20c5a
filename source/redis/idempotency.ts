import { randomBytes } from 'node:crypto';

/**
 * Numbers for acts that must happen once although they may be sent twice.
 *
 * What was in flight when a connection broke is sent again, and nobody can know whether it was executed. A script that
 * must not run twice keeps what it answered in a guard key for each process it hears from, and looks there first. The
 * guard holds no more than what is in flight: either a HASH under the operation's `slot`, which no other operation has until this
 * one has its answer, or a ZSET under its `number`, of which everything below `settled` may go. A time to live takes
 * the guard away after the process has gone.
 */
export type Operation = {
  /** Goes into the name of the guard key: numbers and slots are this process's own. */
  readonly process: string;
  readonly number: number;
  /** The lowest whole number that no other operation in flight in this scope has. */
  readonly slot: number;
  /** Every operation of this process in this scope with a lower number has its answer. */
  readonly settled: number;
};

/** How long a guard key outlives its last operation: longer than any reconnect is waited for. */
export const guardLifeMs = 3_600_000;

type Scope = { readonly numbers: Set<number>; readonly free: number[]; slots: number };

/** Of this process; made with the first operation, as it takes loading what makes random bytes. */
let ownName: string | undefined;
const scopes = new Map<string, Scope>();
let last = 0;

/** Runs one operation of a scope (such as one room); everything it sends carries the same number and slot. */
export async function withOperation<Reply>(
  scope: string,
  run: (operation: Operation) => Promise<Reply>,
): Promise<Reply> {
  const { operation, settle } = beginOperation(scope);
  try {
    return await run(operation);
  } finally {
    settle();
  }
}

/** The same for an operation that is tried again after it failed, with the same number: call `settle` when it is over. */
export function beginOperation(scope: string): { readonly operation: Operation; settle(): void } {
  last += 1;
  const number = last;
  const inFlight: Scope = scopes.get(scope) ?? { numbers: new Set(), free: [], slots: 0 };
  scopes.set(scope, inFlight);
  const { numbers, free } = inFlight;
  numbers.add(number);
  const slot = free.pop() ?? inFlight.slots++;
  // Numbers rise and a Set keeps their order: the first is the lowest.
  const [settled = number] = numbers;
  ownName ??= randomBytes(9).toString('base64url');
  return {
    operation: { process: ownName, number, slot, settled },
    settle() {
      if (!numbers.delete(number)) return;
      free.push(slot);
      if (numbers.size === 0) scopes.delete(scope);
    },
  };
}
