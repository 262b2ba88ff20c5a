import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ownerOf } from '../../source/features/lock/token.ts';
import type { RedisServer } from '../helpers/redis-server.ts';

/** What a run of contenders under fire came to. */
export type Outcome = {
  readonly turns: number;
  readonly killedHolders: number;
  readonly killedWaiters: number;
  /** Turns that began while another holder, not killed, was inside. */
  readonly overlaps: readonly string[];
  /** Fences that did not rise. */
  readonly fallen: readonly string[];
  /** The longest that anybody waited with nothing happening: no turn began, and no holder was killed. */
  readonly longestGapMs: number;
};

const contender = fileURLToPath(new URL('./contender.ts', import.meta.url));
const register = fileURLToPath(new URL('../../scripts/register-lua.ts', import.meta.url));

/** Six processes over one lock; `kills` of them die by SIGKILL, every other time the one that holds it. */
export async function fire(server: RedisServer, kills: number, ttlMs: number): Promise<Outcome> {
  const log = path.join(server.directory, 'turns');
  appendFileSync(log, '');
  const start = (): ChildProcess =>
    spawn(process.execPath, ['--import', register, contender, server.socket, 'fire', log, String(ttlMs)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const redis = server.client();
  const contenders = Array.from({ length: 6 }, start);
  const entered = (): Turn[] => parse(readFileSync(log, 'utf8'));
  while (new Set(entered().map(({ pid }) => pid)).size < contenders.length) await wait(20);

  let killedHolders = 0;
  let killedWaiters = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    // Mostly once somebody has it again; sometimes the waiters of a dead holder die too.
    const turns = entered().length;
    while (kill % 10 !== 0 && entered().length < turns + 18) await wait(10);
    await wait(Math.random() * 30);
    const last = entered().findLast(({ what }) => what === 'enter' || what === 'leave');
    const isInside = last?.what === 'enter';
    const wantsHolder = kill % 2 === 0;
    const holder = contenders.findIndex(({ pid }) => isInside && pid === last.pid);
    const index = wantsHolder && holder !== -1 ? holder : Math.floor(Math.random() * contenders.length);
    const victim = contenders[index];
    if (!victim) continue;
    const exited = once(victim, 'exit');
    appendFileSync(log, `kill ${victim.pid} 0 ${Date.now()}\n`);
    victim.kill('SIGKILL');
    await exited;
    // A grant may have met it on its way out.
    await wait(5);
    if (ownerOf((await redis.get('lock:fire')) ?? '')?.pid === victim.pid) {
      killedHolders += 1;
      appendFileSync(log, `killed-holder ${victim.pid} 0 ${Date.now()}\n`);
    } else killedWaiters += 1;
    contenders[index] = start();
  }
  const ended = contenders.map((child) => once(child, 'exit'));
  for (const child of contenders) child.kill('SIGKILL');
  await Promise.all(ended);
  return { ...judge(entered()), killedHolders, killedWaiters };
}

type Turn = { readonly what: string; readonly pid: number; readonly fence: number; readonly atMs: number };

function parse(text: string): Turn[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [what = '', pid, fence, atMs] = line.split(' ');
      return { what, pid: Number(pid), fence: Number(fence), atMs: Number(atMs) };
    });
}

function judge(log: readonly Turn[]): Omit<Outcome, 'killedHolders' | 'killedWaiters'> {
  const overlaps: string[] = [];
  const fallen: string[] = [];
  let inside: Turn | undefined;
  let before: Turn | undefined;
  let turns = 0;
  let longestGapMs = 0;
  let sinceMs = 0;
  const waitingSince = new Map<number, number>();
  for (const turn of log) {
    if (turn.what === 'wait') {
      waitingSince.set(turn.pid, turn.atMs);
    } else if (turn.what === 'enter') {
      turns += 1;
      if (inside) overlaps.push(`${turn.pid} beside ${inside.pid}`);
      if (before && turn.fence <= before.fence) fallen.push(`${turn.fence} after ${before.fence}`);
      const asked = waitingSince.get(turn.pid) ?? turn.atMs;
      longestGapMs = Math.max(longestGapMs, turn.atMs - Math.max(sinceMs, asked));
      sinceMs = turn.atMs;
      inside = turn;
      before = turn;
    } else {
      if (inside?.pid === turn.pid) inside = undefined;
      if (turn.what === 'killed-holder') sinceMs = turn.atMs;
    }
  }
  return { turns, overlaps, fallen, longestGapMs };
}
