import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { keyKinds } from '../../redis/key-types.ts';
import type { Doctor, Finding } from '../feature.ts';

/** `limit:<subject>:<algorithm>:<perMs>` */
const own = /^limit:.+:(fixed|sliding|gcra):(\d+)$/s;
/** `<id>:<epoch / 60>`, rounded down or not. */
const seed = /^(.+):(\d{8})(\.\d+)?$/s;
const types: Readonly<Record<string, string>> = { fixed: 'string', sliding: 'hash', gcra: 'string' };
const dayOfWindows = 24 * 60;

/** Limiters that refuse for ever, or never. */
export const doctor: Doctor = {
  kindOf: keyKinds({ 'limit:*:sliding:?': 'hash', 'limit:*:fixed:?': 'string', 'limit:*:gcra:?': 'string' }),
  listedAs: ({ name, rest }, key) => `${/:(\w+):[^:]*$/.exec(key)?.[1] ?? ''}:${rest}:${name}`,
  claims: (key) => own.test(key) || seed.test(key),
  async examine(redis, keys) {
    const window = Math.floor((await serverMs(redis)) / 60_000);
    const findings = await Promise.all(
      keys.map((key) => (own.test(key) ? examineOwn(redis, key) : examinePlain(redis, key, window))),
    );
    return findings.filter((finding) => finding !== undefined);
  },
};

async function examineOwn(redis: Client, key: string): Promise<Finding | undefined> {
  const [, algorithm = '', perMs] = own.exec(key) ?? [];
  const [type, ttl] = await Promise.all([redis.type(key), redis.pttl(key)]);
  if (type === 'none') return;
  if (type !== types[algorithm]) {
    return {
      code: 'WRONG_TYPE',
      severity: 'error',
      key,
      message: `It is named like a limit but holds a ${type}: whoever hits that limit gets an error`,
      fix: 'Rename it, or call the subject something else',
    };
  }
  if (ttl !== -1) return;
  return {
    code: 'LIMIT_WITHOUT_TTL',
    severity: 'error',
    key,
    message:
      'It has no end: nothing takes it away when its subject stays away, and others may refuse for ever',
    fix: '--fix lets it end after one period',
    repair: async () => void (await redis.pexpire(key, Number(perMs), 'NX')),
  };
}

/** What programs leave that count in plain keys, told apart from other numbers by being near the current minute. */
async function examinePlain(redis: Client, key: string, now: number): Promise<Finding | undefined> {
  const [, subject = '', window, fraction] = seed.exec(key) ?? [];
  if (Math.abs(Number(window) - now) > dayOfWindows) return;
  const [type, ttl] = await Promise.all([redis.type(key), redis.ttl(key)]);
  if (type !== 'string' || !/^\d+$/.test(await redis.getrange(key, 0, 20))) return;
  if (fraction !== undefined) {
    return {
      code: 'LIMIT_NEVER_REFUSES',
      severity: 'error',
      // One finding for each subject: there is a key for every hit.
      key: `${subject}:<epoch/60>`,
      message: `Its window is not a whole number (${window}${fraction}): each hit counts alone, nobody is ever refused`,
      fix: 'Let that program round epoch / 60 down before it makes the key',
    };
  }
  if (ttl !== -1) return;
  return {
    code: 'LIMIT_WITHOUT_TTL',
    severity: 'warning',
    key,
    message: 'A counter of one minute without an end: one such key is left behind for each minute',
    fix: 'Let that program EXPIRE its keys in the transaction that counts; delete the old ones',
  };
}
