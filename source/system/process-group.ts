/** Sends a signal to every process of a group. False: the group has no members. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

const lookMs = 20;

/** SIGTERM, a grace, SIGKILL. Resolves when nobody of the group is left, or nothing more can be done. */
export async function endGroup(pid: number, graceMs: number): Promise<void> {
  const killAtMs = performance.now() + graceMs;
  signalGroup(pid, 'SIGTERM');
  signalGroup(pid, 'SIGCONT');
  while (performance.now() < killAtMs) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    if (!signalGroup(pid, 0)) return;
  }
  signalGroup(pid, 'SIGKILL');
}
