import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { RedisServer } from '../helpers/redis-server.ts';

export type Fleet = {
  readonly written: number;
  readonly durationMs: number;
  /** What Redis counts, by hour and template. */
  readonly current: ReadonlyMap<string, number>;
  readonly last: ReadonlyMap<string, number>;
};

/** Writer processes at once, all to one log; the hour ends when about half of it is written. */
export async function runFleet(
  server: RedisServer,
  { processes, messages }: { processes: number; messages: number },
): Promise<Fleet> {
  const members = Array.from({ length: processes }, (_, member) =>
    fork(
      path.join(import.meta.dirname, 'fleet-member.ts'),
      [server.socket, String(member), String(messages / processes)],
      { execArgv: ['--import', './scripts/register-lua.ts'] },
    ),
  );
  await Promise.all(members.map((member) => once(member, 'message')));
  const redis = server.client();
  const scores = async (key: string): Promise<Map<string, number>> => {
    const flat = await redis.zrevrange(key, 0, -1, 'WITHSCORES');
    return new Map(flat.flatMap((text, index) => (index % 2 ? [] : [[text, Number(flat[index + 1])]])));
  };
  const startedAtMs = Date.now();
  const reports = members.map((member) => once(member, 'message') as Promise<[{ written: number }]>);
  for (const member of members) member.send('write');
  while (sumOf(await scores('common:fleet:info')) < messages / 2) {}
  for (const member of members) member.send('hour ends');
  const written = (await Promise.all(reports)).reduce((sum, [report]) => sum + report.written, 0);
  const durationMs = Date.now() - startedAtMs;
  const [current, last] = await Promise.all([scores('common:fleet:info'), scores('common:fleet:info:last')]);
  return { written, durationMs, current, last };
}

export function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
