import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The long proofs: millions of messages, hundreds of kills. `npm run soak -- test/soak/ship.soak.ts` runs one. */
const soak = mergeConfig(
  base,
  defineConfig({ test: { testTimeout: 3_600_000, hookTimeout: 600_000, fileParallelism: false } }),
);

export default { ...soak, test: { ...soak.test, include: ['test/soak/**/*.soak.ts'] } };
