import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { RedisServer } from '../helpers/redis-server.ts';
import { scoresOf, sumOf } from './counts.ts';

export type Fleet = {
  readonly written: number;
  readonly durationMs: number;
  /** What Redis counts, by hour and template. */
  readonly current: Readonly<Record<string, number>>;
  readonly last: Readonly<Record<string, number>>;
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
  const startedAtMs = Date.now();
  const reports = members.map((member) => once(member, 'message') as Promise<[{ written: number }]>);
  for (const member of members) member.send('write');
  while (sumOf(await scoresOf(redis, 'common:fleet:info')) < messages / 2) {}
  for (const member of members) member.send('hour ends');
  const written = (await Promise.all(reports)).reduce((sum, [report]) => sum + report.written, 0);
  const durationMs = Date.now() - startedAtMs;
  const [current, last] = await Promise.all([
    scoresOf(redis, 'common:fleet:info'),
    scoresOf(redis, 'common:fleet:info:last'),
  ]);
  return { written, durationMs, current, last };
}
