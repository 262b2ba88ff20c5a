import type { Client } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { shellWord } from '../../shell-word.ts';
import type { Doctor, Finding } from '../feature.ts';
import { conditionOf } from './condition.ts';
import { ownerOf } from './token.ts';

const prefix = 'lock:';

/** Locks that nothing will ever end. */
export const doctor: Doctor = {
  kindOf: keyKinds({
    'lock:*': 'string',
    'lock-queue:*': 'zset',
    'lock-fence:*': 'string',
    'lock-waiting:*': 'hash',
  }),
  claims: (key) => key.startsWith(prefix),
  async examine(redis, keys, isBrief = false) {
    const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
    const endless = keys.filter((_, index) => {
      const lock = { isHeld: lives[index] !== -2, isEndless: lives[index] === -1, waiting: 0 };
      return conditionOf(lock) === 'no TTL';
    });
    const found = await Promise.all(endless.map((key) => examineEndless(redis, key, isBrief)));
    return found.filter((finding) => finding !== undefined);
  },
};

/** Enough for who holds it; of a longer token the label is cut. */
const longestHead = 400;

async function examineEndless(redis: Client, key: string, isBrief: boolean): Promise<Finding | undefined> {
  if ((await redis.type(key)) !== 'string') return;
  // What another program keeps there may be large.
  const owner = isBrief ? undefined : ownerOf(await redis.getrange(key, 0, longestHead - 1));
  const who = owner ? `${owner.host}:${owner.pid}` : 'another program';
  return {
    code: 'LOCK_WITHOUT_TTL',
    severity: 'error',
    key,
    message: `Held by ${who} without an end: if that process died, nobody ever gets it`,
    fix: `Make sure its holder is gone, then: quarterdeck lock break ${shellWord(key.slice(prefix.length))} --yes`,
  };
}
