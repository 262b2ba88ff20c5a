import { defineConfig } from 'vitest/config';
import { inkTableFile, inkTableModule } from './scripts/ink-table-module.ts';
import { luaModule } from './scripts/read-lua.ts';

export default defineConfig({
  // NODE_ENV is production here, where React has no development transform.
  oxc: { jsx: { runtime: 'automatic', development: false } },
  plugins: [
    {
      name: 'ink-table',
      enforce: 'pre',
      load: (id) => (inkTableFile.test(id) ? inkTableModule(id) : undefined),
    },
    {
      name: 'lua-as-text',
      enforce: 'pre',
      load(id) {
        return id.endsWith('.lua') ? luaModule(id) : undefined;
      },
    },
  ],
  test: {
    // Through the plugin below instead of Node's own loader.
    server: { deps: { inline: [inkTableFile] } },
    include: ['test/**/*.test.{ts,tsx}'],
    // The path of a unix socket may have 107 characters, and the screens of tests show it: some machines' TMPDIR is long.
    env: { FORCE_COLOR: '0', NODE_ENV: 'production', TMPDIR: '/tmp' },
    globalSetup: ['test/helpers/build-once.ts'],
    setupFiles: ['test/helpers/deadline.ts'],
    // Little less than a test has: what did not happen is said before the test ends.
    expect: { poll: { timeout: 55_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of the time of a test is spent waiting for programs: more of them than two processors.
    maxWorkers: 3,
  },
});
