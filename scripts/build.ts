import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { leanMeow, ownComposition } from './build-plugins.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

rmSync('dist', { recursive: true, force: true });

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  loader: { '.lua': 'text' },
  legalComments: 'none',
  logLevel: 'warning',
} as const;

await Promise.all([
  build({
    ...shared,
    // The second entry is a worker thread, which needs a file of its own.
    entryPoints: { cli: 'cli.tsx', 'lock-keeper': 'source/features/lock/keeper.ts' },
    outdir: 'dist',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
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
    plugins: [leanMeow, ownComposition],
    // ioredis is CommonJS and requires Node's own modules.
    banner: {
      js: "import{createRequire as quarterdeckRequire}from'node:module';const require=quarterdeckRequire(import.meta.url);",
    },
    external: ['pg-native', '@parcel/watcher'],
  }),
  build({
    ...shared,
    entryPoints: { index: 'source/index.ts' },
    outdir: 'dist',
    packages: 'external',
  }),
]);
chmodSync('dist/cli.js', 0o755);
