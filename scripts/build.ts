import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { type BuildOptions, build } from 'esbuild';
import { consoleApart, lateBuiltins, leanMeow, luaAsText, ownComposition } from './build-plugins.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

rmSync('dist', { recursive: true, force: true });

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  legalComments: 'none',
  logLevel: 'warning',
} as const;

const program = {
  ...shared,
  minify: true,
  define: {
    'process.env.NODE_ENV': '"production"',
    'process.env.DEV': '"false"',
    QUARTERDECK_VERSION: JSON.stringify(manifest.version),
    // Yoga would fetch its own bytes from a data URL, and load all of undici for it.
    fetch: 'undefined',
    'Intl.Segmenter': 'LazySegmenter',
  },
  inject: ['./scripts/lazy-segmenter.ts'],
  alias: {
    // Ink reaches for it only in development, yet imports it statically.
    'react-devtools-core': './scripts/react-devtools-stub.ts',
    // Nothing is painted that did not go through `sanitise`, so it may be measured as we measure.
    'string-width': './source/ui/cell-width.ts',
  },
  // ioredis is CommonJS and requires Node's own modules.
  banner: {
    js: "import{createRequire as quarterdeckRequire}from'node:module';const require=quarterdeckRequire(import.meta.url);",
  },
  external: ['pg-native', '@parcel/watcher'],
} satisfies BuildOptions;

await Promise.all([
  build({
    ...program,
    // The second entry is a worker thread, which needs a file of its own.
    entryPoints: { cli: 'cli.tsx', 'lock-keeper': 'source/features/lock/keeper.ts' },
    outdir: 'dist',
    // A command loads what it needs and no more.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    plugins: [luaAsText, leanMeow, ownComposition, consoleApart],
  }),
  build({
    ...program,
    // The console needs nearly everything at once.
    entryPoints: { console: 'source/console/open-console.ts' },
    outdir: 'dist/chunks',
    // Before 22.3 Node has no other way to its modules than a require.
    banner: { js: `${program.banner.js}const quarterdeckBuiltin=process.getBuiltinModule??require;` },
    plugins: [luaAsText, leanMeow, ownComposition, lateBuiltins],
  }),
  build({
    ...shared,
    entryPoints: { index: 'source/index.ts' },
    outdir: 'dist',
    packages: 'external',
    plugins: [luaAsText],
  }),
]);
chmodSync('dist/cli.js', 0o755);
