import type { Doctor, Finding } from '../feature.ts';
import { ownerOf } from './token.ts';

/** Locks that nothing will ever end. */
export const doctor: Doctor = {
  claims: (key) => key.startsWith('lock:'),
  async examine(redis, keys) {
    const lives = await Promise.all(keys.map((key) => redis.pttl(key)));
    const endless = keys.filter((_, index) => lives[index] === -1);
    const found = await Promise.all(
      endless.map(async (key): Promise<Finding | undefined> => {
        if ((await redis.type(key)) !== 'string') return;
        const owner = ownerOf((await redis.get(key)) ?? '');
        const name = key.slice('lock:'.length);
        const who = owner ? `${owner.host}:${owner.pid}` : 'another program';
        return {
          code: 'LOCK_WITHOUT_TTL',
          severity: 'error',
          key,
          message: `Held by ${who} without an end: if that process died, nobody ever gets it`,
          fix: `Make sure its holder is gone, then: quarterdeck lock break ${name} --yes`,
        };
      }),
    );
    return found.filter((finding) => finding !== undefined);
  },
};
