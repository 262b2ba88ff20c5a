import { vi } from 'vitest';

/**
 * Runs before every test file. Waiting ends as soon as it holds, so a long limit costs nothing when all is well, and a
 * short one only says that a machine was busy. Vitest has no setting for `vi.waitFor`; its default is one second.
 */
export const patienceMs = 20_000;

const { waitFor } = vi;
vi.waitFor = (callback, options = {}) => {
  const { timeout = 0, ...rest } = typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { ...rest, timeout: Math.max(timeout, patienceMs) });
};
