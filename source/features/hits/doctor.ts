import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { keyKinds } from '../../redis/key-types.ts';
import type { Doctor, Finding } from '../feature.ts';
import { defaultKeepHourlyMs, defaultKeepMs } from './hits.ts';
import { bucketMs, dayMs, hourMs, plainCounter } from './keys.ts';

const own = /^hits:.+:(10s|1h):(\d{4}-\d\d-\d\d)(?:T(\d\d))?$/s;

/** Counters that nothing will ever take away. */
export const doctor: Doctor = {
  kindOf: keyKinds({ 'hits:*:10s:?': 'hash', 'hits:*:1h:?': 'hash', 'hits:*:writers': 'zset' }),
  claims: (key) => own.test(key) || plainCounter(key) !== undefined,
  async examine(redis, keys) {
    const bucket = Math.floor((await serverMs(redis)) / bucketMs);
    const findings = await Promise.all(
      keys.map((key) => (own.test(key) ? examineOwn(redis, key) : examinePlain(redis, key, bucket))),
    );
    return findings.filter((finding) => finding !== undefined);
  },
};

async function examineOwn(redis: Client, key: string): Promise<Finding | undefined> {
  const [, resolution, day = '', hour = '00'] = own.exec(key) ?? [];
  const [type, ttl] = await Promise.all([redis.type(key), redis.pttl(key)]);
  if (type === 'none') return;
  if (type !== 'hash') {
    return {
      code: 'WRONG_TYPE',
      severity: 'error',
      key,
      message: `It is named like a hit counter but holds a ${type}: hits of that time cannot be counted`,
      fix: 'Rename it, or call the series something else',
    };
  }
  if (ttl !== -1) return;
  const beginMs = Date.parse(`${day}T${hour}:00:00Z`);
  const deadlineMs =
    resolution === '10s' ? beginMs + hourMs + defaultKeepMs : beginMs + dayMs + defaultKeepHourlyMs;
  return {
    code: 'HITS_WITHOUT_TTL',
    severity: 'warning',
    key,
    message: 'Nothing will ever take it away: it lost its deadline',
    fix: `--fix gives it its deadline back, ${new Date(deadlineMs).toISOString()}`,
    repair: async () => void (await redis.pexpireat(key, deadlineMs, 'NX')),
  };
}

/** What programs leave that count in plain keys, told apart from other numbers by being near the current time. */
async function examinePlain(redis: Client, key: string, now: number): Promise<Finding | undefined> {
  const { bucket = 0 } = plainCounter(key) ?? {};
  if (Math.abs(bucket - now) > dayMs / bucketMs) return;
  const [type, ttl] = await Promise.all([redis.type(key), redis.ttl(key)]);
  if (type !== 'string' || ttl !== -1 || !/^\d+$/.test(await redis.getrange(key, 0, 20))) return;
  return {
    code: 'HITS_WITHOUT_TTL',
    severity: 'warning',
    key,
    message: 'A counter of ten seconds without an end: 8,640 such keys are left behind a day',
    fix: 'Let that program EXPIRE its keys in the transaction that counts; delete the old ones',
  };
}
