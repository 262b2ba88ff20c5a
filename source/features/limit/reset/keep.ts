import { randomBytes } from 'node:crypto';
import { DeniedError, WrongTypeError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { keyFamily } from '../../../redis/keys.ts';
import { asInteger } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { rulesOf } from '../list.ts';
import { algorithmOf, memberOf, type Rule, stateKey, windowOf } from '../rules.ts';
import { indexKeys } from '../usage-index.ts';
import resetLua from './reset.lua';
import restoreLua from './restore.lua';

/**
 * A reset that can be taken back: what was spent moves into a key that is named after this one reset, and from there it
 * counts again, beside what was spent since. It is kept for an hour, and no longer than it would have counted. What is
 * counted in plain keys belongs to other programs as well, and goes for good.
 */
export type Reset = {
  /** How many limits the subject has back; 0: none is known. */
  readonly cleared: number;
  /** How `restore` calls it; undefined when nothing of it can be taken back. */
  readonly id: string | undefined;
};

const keptMs = 3_600_000;
const resetScript = defineScript({ lua: resetLua, parse: asInteger });
const restoreScript = defineScript({ lua: restoreLua, parse: asInteger });

/** @throws {WrongTypeError} when a key holds something else by now; nothing is deleted then */
export async function resetKept(client: Client, subject: string): Promise<Reset> {
  const rules = await rulesOf(client, subject);
  const id = randomBytes(6).toString('hex');
  let kept = 0;
  for (const rule of rules) {
    const state = stateKey(client, subject, rule, windowOf(client, rule));
    if (rule.algorithm === 'seed') await retryAborted(() => client.del(state));
    else kept += await moveAside(client, state, keptKey(client, subject, id, rule));
  }
  if (rules.length > 0) {
    // It stays in the index: who is busy is still of interest, and would not be noted again for a minute.
    const members = rules.map((rule) => memberOf(subject, rule));
    await retryAborted(() => client.hdel(indexKeys(client).denied, ...members));
  }
  return { cleared: rules.length, id: kept > 0 ? id : undefined };
}

async function moveAside(client: Client, state: string, kept: string): Promise<number> {
  try {
    return await resetScript(client, [state, kept], [keptMs]);
  } catch (error) {
    if (!(error instanceof DeniedError)) throw error;
    // Rights that were given before resets could be taken back.
    await retryAborted(() => client.del(state));
    return 0;
  }
}

/**
 * Lets what was spent before that reset count again. Done twice it counts once.
 * @returns how many limits; 0 when nothing is kept of it any more
 * @throws {WrongTypeError} when a key holds something else by now
 */
export async function restore(client: Client, subject: string, id: string): Promise<number> {
  let restored = 0;
  for (const rule of await rulesOf(client, subject)) {
    if (rule.algorithm === 'seed') continue;
    const state = stateKey(client, subject, rule, windowOf(client, rule));
    const keys = [state, keptKey(client, subject, id, rule)];
    const found = await restoreScript(client, keys, [algorithmOf(rule), rule.max, rule.perMs]);
    if (found === -1) throw new WrongTypeError(state, 'rate limit');
    restored += found;
  }
  return restored;
}

/** No limit's own key ends like this. */
function keptKey(client: Client, subject: string, id: string, { algorithm, perMs }: Rule): string {
  const kept = `limit:*:reset:${id}:${algorithm}-${perMs}`;
  return keyFamily(client, subject, { kept }).kept;
}
