import type { Redis } from 'ioredis';
import type { Finding } from '../features/feature.ts';
import { isReplyError, refusalSort } from '../redis/refusals.ts';
import { isTooOld, serverIn } from '../redis/server/server-version.ts';
import { infoOf } from '../redis/server/support.ts';
import { failureOf } from './failure.ts';

/** What the server itself is set to, or lacks, that loses what the features keep on it. */
export async function examineServer(server: Redis): Promise<Finding[]> {
  const info = await infoOf(server);
  const at = server.options.path ?? `${server.options.host}:${server.options.port}`;
  const findings = await examineMemoryUsage(server, at);
  if (info.maxmemory_policy === undefined) {
    findings.push({
      code: 'NOT_CHECKED',
      severity: 'warning',
      key: at,
      message: 'This user may not call INFO there: whether it evicts keys, or saves them, was not looked at',
      fix: 'Grant +info to this user',
    });
    return findings;
  }
  const found = serverIn(info);
  if (isTooOld(found)) {
    findings.push({
      code: 'SERVER_OLD',
      severity: 'error',
      key: at,
      message: `Quarterdeck needs Redis 7.0 or Valkey 7.2; this is ${found.label}`,
      fix: 'Use a newer server; see docs/servers.md',
    });
  }
  if (info.role === 'slave') {
    findings.push({
      code: 'REPLICA_CONNECTED',
      severity: 'error',
      key: at,
      message: 'It is a replica: everything that writes is refused there, and what is read may be old',
      fix: 'Use the primary, or --sentinel to find it',
    });
  }
  if (Number(info.maxmemory ?? 0) > 0 && info.maxmemory_policy !== 'noeviction') {
    findings.push({
      code: 'EVICTION',
      severity: 'error',
      key: at,
      message: `Its policy is ${info.maxmemory_policy}: when full it drops locks, counters and messages silently`,
      fix: 'CONFIG SET maxmemory-policy noeviction (or the parameter group of your provider), and keep caches on a server of their own',
    });
  }
  const savedAt = info.rdb_last_save_time;
  if (info.aof_enabled === '0' && savedAt !== undefined && Number(savedAt) <= startedAt(info)) {
    findings.push({
      code: 'NOT_PERSISTENT',
      severity: 'warning',
      key: at,
      message:
        'It writes no append-only file and has saved nothing since it started: a restart forgets everything',
      fix: 'CONFIG SET appendonly yes and the same in its configuration file, or in the parameter group of your provider',
    });
  }
  return findings;
}

/** Epoch seconds; a server that never saved reports its own start as the last save. */
function startedAt(info: Readonly<Record<string, string>>): number {
  const nowUs = Number(info.server_time_usec ?? 0);
  return Math.floor(nowUs / 1e6) - Number(info.uptime_in_seconds ?? 0) + 1;
}

/** Scripts ask the server what their keys weigh. */
async function examineMemoryUsage(server: Redis, at: string): Promise<Finding[]> {
  try {
    // Without naming a key, or another server of a cluster would be asked for it.
    await server.call('EVAL', "return redis.call('MEMORY', 'USAGE', 'quarterdeck:')", '0');
    return [];
  } catch (error) {
    // That the key lies elsewhere is reported by those that would have looked.
    if (refusalSort(error) !== 'lasting' && isReplyError(error)) return [];
    if (refusalSort(error) !== 'lasting') throw error;
    return [
      {
        code: 'MEMORY_UNKNOWN',
        severity: 'warning',
        key: at,
        message: `Scripts there may not ask what keys weigh: budgets of ship are estimated, sizes of topics unknown (${failureOf(error).message})`,
        fix: 'Grant +memory|usage to this user, where the server has it',
      },
    ];
  }
}
