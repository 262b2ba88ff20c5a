import type { Redis } from 'ioredis';
import { defineCommand, type Finding, switchFlag, type Text } from '../features/feature.ts';
import { type AnyFeature, features } from '../features/index.ts';
import type { Client } from '../redis/client.ts';
import { masters } from '../redis/connect.ts';
import { scan } from '../redis/scan.ts';
import { infoOf } from '../redis/support.ts';
import { ReadOnlyError } from './run-command.ts';

/**
 * Looks through every key once, at a bounded rate, and lets each feature examine those that may be its own, whoever
 * wrote them; then at the servers' settings. Mends only what is certain to lose nothing, and only when told to.
 */
export const doctorCommand = defineCommand({
  verb: 'doctor',
  summary: 'look for what went wrong in every family of keys; exit 1 if something is found',
  flags: { fix: switchFlag('mend what can be mended without losing anything') },
  writes: false,
  examples: ['quarterdeck doctor', 'quarterdeck doctor --fix --json'],
  async run(context, { fix }) {
    if (fix && context.config.readOnly) throw new ReadOnlyError('doctor --fix');
    const chosen = await Promise.all(Object.values(features).map((load) => load()));
    const findings: Located[] = [];
    for (const { ask, url } of context.connections) {
      // With one server it goes without saying.
      const where = context.connections.length > 1 ? { server: url } : {};
      for (const server of await masters(ask)) {
        const found = [
          ...(await examineServer(server)),
          ...(await examineKeys(ask, server, chosen, context.signal)),
        ];
        findings.push(...found.map((finding) => ({ ...finding, ...where })));
      }
    }
    let mended = 0;
    for (const { repair } of fix ? findings : []) {
      if (!repair) continue;
      await repair();
      mended += 1;
    }
    const json = findings.map(({ repair: _repair, ...shown }) => shown);
    return { json, text: textOf(findings, mended), exitCode: findings.length > mended ? 1 : 0 };
  },
});

type Located = Finding & { readonly server?: string };

function textOf(findings: readonly Located[], mended: number): Text {
  if (findings.length === 0) return 'Nothing found';
  const lines = findings.flatMap(({ severity, code, key, server, message, fix }) => [
    `${severity.toUpperCase()} ${code} ${key}${server === undefined ? '' : ` at ${server}`}`,
    `  ${message}`,
    `  ${fix}`,
  ]);
  return [...lines, `${findings.length} found, ${mended} mended`];
}

async function examineKeys(
  redis: Client,
  server: Redis,
  chosen: readonly AnyFeature[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const keys of scan(server, { count: 1000, perSecond: 50, signal })) {
    // SCAN may show a key twice in one batch.
    const distinct = [...new Set(keys)];
    for (const { doctor } of chosen) {
      const own = doctor ? distinct.filter((key) => doctor.claims(key)) : [];
      if (doctor && own.length > 0) findings.push(...(await doctor.examine(redis, own)));
    }
  }
  // One key may have several patients, such as the members of a room, each with a cure of its own.
  const identity = ({ code, key, fix }: Finding): string => JSON.stringify([code, key, fix]);
  return [...new Map(findings.map((finding) => [identity(finding), finding])).values()];
}

async function examineServer(server: Redis): Promise<Finding[]> {
  const info = await infoOf(server);
  const at = server.options.path ?? `${server.options.host}:${server.options.port}`;
  const findings: Finding[] = [];
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
  if (Number(info.maxmemory ?? 0) > 0 && info.maxmemory_policy !== 'noeviction') {
    findings.push({
      code: 'EVICTION',
      severity: 'error',
      key: at,
      message: `Its policy is ${info.maxmemory_policy}: when full it drops locks, counters and messages silently`,
      fix: 'CONFIG SET maxmemory-policy noeviction (or the parameter group of your provider), and keep caches on a server of their own',
    });
  }
  if (info.aof_enabled === '0' && Number(info.rdb_last_save_time ?? 0) <= startedAt(info)) {
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
