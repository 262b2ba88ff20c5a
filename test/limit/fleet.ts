import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Judged, Task } from './fleet-member.ts';

/** Clocks that share no minute, some of them years off. */
const skewsMs = [0, 3_600_001, -86_400_000, 29_999, -7, 86_400_000 * 400, -86_400_000 * 700, 1501];

export type Fleet = {
  /** Lets the first so many clients hit one subject at once. */
  play(clients: number, task: Task): Promise<Judged[]>;
  disband(): void;
};

/** Eight processes whose clocks disagree. */
export async function assemble(): Promise<Fleet> {
  const file = new URL('./fleet-member.ts', import.meta.url);
  const execArgv = ['--import', new URL('../../scripts/register-lua.ts', import.meta.url).href];
  const members = skewsMs.map((skewMs) => fork(file, [String(skewMs)], { execArgv }));
  await Promise.all(members.map((member) => once(member, 'message')));
  const ask = async (member: ChildProcess, task: Task): Promise<Judged[]> => {
    member.send(task);
    const [judged] = (await once(member, 'message')) as [Judged[]];
    return judged;
  };
  return {
    async play(clients, task) {
      return (await Promise.all(members.slice(0, clients).map((member) => ask(member, task)))).flat();
    },
    disband() {
      for (const member of members) member.disconnect();
    },
  };
}

export function admitted(judged: readonly Judged[]): readonly Judged[] {
  return judged.filter(({ allowed }) => allowed);
}

export function sum(judged: readonly Judged[]): number {
  return judged.reduce((total, { cost }) => total + cost, 0);
}

/** The most that was admitted for certain, both readings inside, in any period of this length. */
export function fullest(judged: readonly Judged[], lengthUs: number): number {
  const all = admitted(judged).toSorted((a, b) => a.afterUs - b.afterUs);
  let most = 0;
  for (const [first, { afterUs: from }] of all.entries()) {
    let inside = 0;
    for (let i = first; i < all.length; i += 1) {
      const { afterUs, beforeUs, cost } = all[i] ?? {
        afterUs: Number.POSITIVE_INFINITY,
        beforeUs: 0,
        cost: 0,
      };
      if (afterUs >= from + lengthUs) break;
      if (beforeUs < from + lengthUs) inside += cost;
    }
    most = Math.max(most, inside);
  }
  return most;
}

export type Window = { surely: number; perhaps: number; refused: boolean };

/** What was admitted in each window of the server's clock, and whether somebody was refused in it. */
export function windowsOf(judged: readonly Judged[], perMs: number): Map<number, Window> {
  const windows = new Map<number, Window>();
  for (const { afterUs, beforeUs, cost, allowed } of judged) {
    const [first, last] = [Math.floor(afterUs / 1000 / perMs), Math.floor(beforeUs / 1000 / perMs)];
    for (let at = first; at <= last; at += 1) {
      const window = windows.get(at) ?? { surely: 0, perhaps: 0, refused: false };
      windows.set(at, window);
      if (allowed) window[first === last ? 'surely' : 'perhaps'] += cost;
      // A refusal answers in whole milliseconds, so one from memory may be a moment late.
      else if (first === last && afterUs / 1000 - at * perMs > 2) window.refused = true;
    }
  }
  return windows;
}
