import { readdirSync, readFileSync } from 'node:fs';
import { expect, vi } from 'vitest';

/** Resolves once a process is gone. */
export const gone = (pid: number): Promise<void> =>
  vi.waitFor(() => expect(isAlive(pid)).toBe(false), { interval: 10 });

/** Resolves once nobody is left in a process group: orphans end when whoever reaps them gets to it. */
export const groupGone = (group: number): Promise<void> =>
  vi.waitFor(() => expect(membersOf(group).filter(isAlive)).toEqual([]), { interval: 10 });

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie that nobody reaps, as where a shell is process 1, is as dead as can be.
  return statOf(pid)?.state !== 'Z';
}

function membersOf(group: number): number[] {
  if (process.platform !== 'linux') return isAlive(-group) ? [-group] : [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && statOf(pid)?.group === group);
}

/** What Linux tells of a process; undefined elsewhere, and when it is gone. */
function statOf(pid: number): { readonly state: string; readonly group: number } | undefined {
  try {
    const [, state = '', group] =
      /^\d+ \(.*\) (\w) \d+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { state, group: Number(group) };
  } catch {
    return;
  }
}
