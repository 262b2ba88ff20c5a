import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild';
import {
  consoleApart,
  inkTable,
  lateBuiltins,
  leanMeow,
  luaAsText,
  ownComposition,
  ownStandIns,
  packagesApart,
  quickTexts,
  quietIoredis,
  sharedPackages,
  yogaWithoutFetch,
} from './build-plugins.ts';
import { keepReachable, writeOutSchemaTypes } from './declarations.ts';
import { bundledPackages, noticesOf, sbomOf } from './notices.ts';

// node scripts/build.ts [--types]: the program and the library in dist/. Types are made anew with --types, as `prepack`
// and `npm run build` ask for; a build without it leaves those that are there.

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  version: string;
  exports: Record<string, unknown>;
};

mkdirSync('dist', { recursive: true });
for (const entry of readdirSync('dist')) {
  if (entry !== 'types') rmSync(path.join('dist', entry), { recursive: true, force: true });
}

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} as const satisfies BuildOptions;

// What was CommonJS requires Node's own modules; `lateBuiltins` fetches them by the second name.
const banner =
  "import{createRequire as quarterdeckRequire}from'node:module';const require=quarterdeckRequire(import.meta.url);";
const lateBanner = `${banner}const quarterdeckBuiltin=process.getBuiltinModule;`;

const program = {
  ...shared,
  minify: true,
  define: {
    'process.env.NODE_ENV': '"production"',
    'process.env.DEV': '"false"',
    QUARTERDECK_VERSION: JSON.stringify(manifest.version),
    'Intl.Segmenter': 'LazySegmenter',
  },
  inject: ['./scripts/lazy-segmenter.ts'],
  banner: { js: banner },
  external: ['pg-native', '@parcel/watcher'],
} as const satisfies BuildOptions;

/** A package as a file that both halves of the program import; its names are listed, because CommonJS has none. */
function buildPackage(
  name: keyof typeof sharedPackages,
  names: string,
  plugins: readonly Plugin[] = [],
): Promise<BuildResult> {
  return build({
    ...program,
    stdin: { contents: `export { ${names} } from '${name}';`, resolveDir: process.cwd(), loader: 'js' },
    outfile: `dist/chunks/${sharedPackages[name]}`,
    banner: { js: lateBanner },
    // What a library has to say goes through its errors: a line of its own would stand in JSON or in a frame.
    drop: ['console'],
    plugins: [...plugins, lateBuiltins],
  });
}

const modules = Object.keys(manifest.exports).flatMap((entry) => /^\.\/(\w+)$/.exec(entry)?.[1] ?? []);

const results = await Promise.all([
  build({
    ...program,
    // The second entry is a worker thread, which needs a file of its own.
    entryPoints: { cli: 'cli.tsx', 'lock-keeper': 'source/features/lock/holder/keeper.ts' },
    outdir: 'dist',
    // A command loads what it needs and no more.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    plugins: [luaAsText, leanMeow, consoleApart, packagesApart],
  }),
  build({
    ...program,
    // The console needs nearly everything at once.
    entryPoints: { console: 'source/console/painted.ts' },
    outdir: 'dist/chunks',
    banner: { js: lateBanner },
    plugins: [
      luaAsText,
      leanMeow,
      ownComposition,
      ownStandIns,
      quickTexts,
      yogaWithoutFetch,
      inkTable,
      packagesApart,
      lateBuiltins,
    ],
  }),
  buildPackage('ioredis', 'Cluster, Command, Redis, SentinelConnector', [quietIoredis]),
  buildPackage('pg', 'default'),
  build({
    ...shared,
    entryPoints: {
      index: 'source/index.ts',
      ...Object.fromEntries(modules.map((noun) => [noun, `source/features/${noun}/library.ts`])),
    },
    outdir: 'dist',
    // An error class exists once, whichever entries a program imports.
    splitting: true,
    chunkNames: 'chunks/library-[hash]',
    minifyWhitespace: true,
    minifySyntax: true,
    // The client is the caller's; what the CLI bundles and a library needs comes with us.
    external: ['ioredis', 'pg', '@parcel/watcher'],
    plugins: [luaAsText],
  }),
]);
chmodSync('dist/cli.js', 0o755);

const builds = results.map(({ metafile }) => {
  if (!metafile) throw new Error('esbuild gave no metafile');
  return metafile;
});
for (const file of builds.flatMap(({ outputs }) => Object.keys(outputs))) {
  const text = readFileSync(file, 'utf8');
  const linked = text.replaceAll(/quarterdeck-chunk:([\w-]+\.js)/g, (_, chunk: string) => {
    if (!existsSync(`dist/chunks/${chunk}`))
      throw new Error(`${file} imports chunks/${chunk}, which nothing built`);
    return path.dirname(file) === 'dist' ? `./chunks/${chunk}` : `./${chunk}`;
  });
  if (linked !== text) writeFileSync(file, linked);
}
for (const [file, { inputs }] of Object.entries(builds[0]?.outputs ?? {})) {
  const painting = Object.keys(inputs).find((input) => /node_modules[/\\](ink|react)[/\\]/.test(input));
  if (painting) throw new Error(`${painting} got into ${file}: only chunks/console.js paints`);
}
const bundled = bundledPackages(builds);
writeFileSync('dist/LICENSES.txt', noticesOf(bundled));
writeFileSync('dist/sbom.cdx.json', sbomOf(manifest, bundled));

if (process.argv.includes('--types')) {
  // Beside the old ones, so that these are there until the new are whole.
  rmSync('dist/types.new', { recursive: true, force: true });
  execFileSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', 'dist/types.new'],
    { stdio: 'inherit' },
  );
  writeOutSchemaTypes('dist/types.new');
  keepReachable('dist/types.new', ['index', ...modules.map((noun) => `features/${noun}/library`)]);
  rmSync('dist/types', { recursive: true, force: true });
  renameSync('dist/types.new', 'dist/types');
}
