import { TestRunner, vi } from 'vitest';

/**
 * Runs before every test file. What is waited for may take as long as its test: a shorter deadline only says that a
 * machine was busy, and a wait ends as soon as it holds. Vitest has no setting for `vi.waitFor`; its default is one
 * second.
 */

/** What is left of a test, so that it fails with what did not happen and not with its own timeout. */
const reportMs = 3000;
/** Of a hook, or the top level of a file. */
const outsideMs = 55_000;

function leftMs(): number {
  const test = TestRunner.getCurrentTest();
  const startedAt = test?.result?.startTime;
  if (!test || startedAt === undefined) return outsideMs;
  return Math.max(0, startedAt + test.timeout - reportMs - Date.now());
}

const { waitFor } = vi;
vi.waitFor = (callback, options = {}) => {
  const { timeout = 0, ...rest } = typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { ...rest, timeout: Math.max(timeout, leftMs()) });
};
