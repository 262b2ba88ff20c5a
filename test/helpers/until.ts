import { setTimeout as wait } from 'node:timers/promises';

/** Asks until it holds. Of the helpers that also run outside of tests, where `vi.waitFor` does not work. */
export async function until(holds: () => Promise<boolean>, what: string, deadlineMs = 50_000): Promise<void> {
  const endsAtMs = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > endsAtMs) throw new Error(`Not within ${deadlineMs / 1000} s: ${what}`);
    await wait(50);
  }
}
