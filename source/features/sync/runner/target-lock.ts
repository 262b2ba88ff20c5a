import type { Client } from '../../../redis/client.ts';
import { status } from '../../lock/inspect.ts';
import { type Held, hold } from '../../lock/lock.ts';
import { describe } from '../../lock/token.ts';
import { TargetInUseError } from '../errors.ts';
import { targetName } from '../keys.ts';

export type ServingOptions = {
  readonly base: string;
  readonly target: string;
  /** Wait for a turn, however long. */
  readonly standby?: boolean;
  readonly signal: AbortSignal;
  readonly listen: () => Client;
  /** Called when it has to wait for whoever may have died. */
  readonly onWait?: (sentence: string) => void;
};

const ttlMs = 10_000;
/** A holder that lives has renewed by then. */
const sureMs = ttlMs / 3 + 700;
const clockSlackMs = 300;

/**
 * The lock of the one process that serves a target. A holder that was killed is waited out, for its TTL at most: its
 * restart is not to be refused because of itself. One that renews meanwhile lives.
 * @throws {TargetInUseError}
 */
export async function serve(redis: Client, options: ServingOptions): Promise<Held> {
  const { base, target, standby = false, signal, listen, onWait } = options;
  const name = targetName(base, target);
  const take = (waitMs: number): Promise<Held | undefined> =>
    hold(redis, name, { label: `sync to ${target}`, ttlMs, waitMs, signal, listen });

  let held = await take(standby ? Number.MAX_SAFE_INTEGER : 0);
  let seen = held ? undefined : await look(redis, name);
  if (!held) onWait?.(`${seen?.owner ?? 'Another process'} holds ${target}: waiting whether it still lives`);
  while (!held) {
    held = await take(sureMs);
    if (held) break;
    const now = await look(redis, name);
    const isSame = now.token === seen?.token && now.endsAtMs < seen.endsAtMs + clockSlackMs;
    if (!isSame) throw new TargetInUseError(target, now.owner);
    seen = now;
  }
  return held;
}

type Seen = { readonly token: string; readonly endsAtMs: number; readonly owner: string };

async function look(redis: Client, name: string): Promise<Seen> {
  const { token = '', ttlMs = Number.POSITIVE_INFINITY } = await status(redis, name);
  const endsAtMs = performance.now() + ttlMs;
  return { token, endsAtMs, owner: token === '' ? 'another process' : describe(token) };
}
