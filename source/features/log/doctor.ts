import type { Client } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import type { Doctor, Finding } from '../feature.ts';
import { logKeys, logOf } from './keys.ts';
import { mostDistinct } from './log.ts';

const ownParts = /:(?:start|last|pstart|samples|patterns|guard:[^:]+)$/;

/** Logs that nobody rotates or bounds, as programs leave them that follow the printed text of Redis in Action. */
export const doctor: Doctor = {
  kindOf: keyKinds({
    'recent:*': 'list',
    'common:*:start': 'string',
    'common:*:pstart': 'string',
    'common:*:last': 'zset',
    'common:*:samples': 'hash',
    'common:*:patterns': 'list',
    'common:*:guard:?': 'string',
    'common:*': 'zset',
  }),
  claims: (key) => /^common:.+:./s.test(key) && !ownParts.test(key),
  async examine(redis, keys) {
    const findings = await Promise.all(keys.map((key) => examineLog(redis, key)));
    return findings.flat();
  },
};

async function examineLog(redis: Client, key: string): Promise<Finding[]> {
  const log = logOf(redis, key);
  // Such as, in Cluster, without a hash tag: no log that anybody here could read.
  if (!log) return [];
  const keys = logKeys(redis, log);
  const [type, start] = await Promise.all([redis.type(key), redis.exists(keys.start)]);
  if (type === 'none') return [];
  if (type !== 'zset') {
    return [
      {
        code: 'WRONG_TYPE',
        severity: 'warning',
        key,
        message: 'It is named like a log but holds something else',
        fix: 'Rename it if a log of that name is wanted',
      },
    ];
  }
  const findings: Finding[] = [];
  if (start === 0) {
    findings.push({
      code: 'LOG_NEVER_ROTATES',
      severity: 'warning',
      key,
      message: `There is no ${keys.start}: its counts are of no particular hour and grow for ever`,
      fix: '--fix lets its hour begin now',
      repair: async () => void (await redis.set(keys.start, await serverHour(redis), 'NX')),
    });
  }
  const distinct = await redis.zcard(key);
  if (distinct > mostDistinct) {
    findings.push({
      code: 'LOG_UNBOUNDED',
      severity: 'warning',
      key,
      message: `It holds ${distinct} distinct messages; others write exact texts without a bound`,
      fix: `The next \`quarterdeck log write\` keeps the ${mostDistinct} heaviest; write templates to need fewer`,
    });
  }
  return findings;
}

async function serverHour(redis: Client): Promise<string> {
  const [seconds] = await redis.time();
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 13)}:00:00`;
}
