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
  inkTable,
  lateBuiltins,
  leanMeow,
  luaAsText,
  ownComposition,
  ownPackages,
  ownStandIns,
  packagesApart,
  quickCommander,
  quickTexts,
  quietIoredis,
  yogaApart,
} from './build-plugins.ts';
import { buildInGroups } from './chunk-groups.ts';
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
const requires =
  "import{createRequire as quarterdeckRequire}from'node:module';const require=quarterdeckRequire(import.meta.url);";
const builtins = 'const quarterdeckBuiltin=process.getBuiltinModule;';

const program = {
  ...shared,
  define: {
    'process.env.NODE_ENV': '"production"',
    'process.env.DEV': '"false"',
    QUARTERDECK_VERSION: JSON.stringify(manifest.version),
    'Intl.Segmenter': 'LazySegmenter',
  },
  inject: ['./scripts/lazy-segmenter.ts'],
  external: ['pg-native', '@parcel/watcher'],
} as const satisfies BuildOptions;

/** A package that the program brings, apart from ours; its names are listed, because CommonJS has none. */
function buildPackage(
  name: keyof typeof ownPackages,
  names: string,
  plugins: readonly Plugin[] = [],
): Promise<BuildResult> {
  return build({
    ...program,
    minify: true,
    stdin: { contents: `export { ${names} } from '${name}';`, resolveDir: process.cwd(), loader: 'js' },
    outfile: `dist/chunks/${ownPackages[name]}`,
    // What a library has to say goes through its errors: a line of its own would stand in JSON or in a frame.
    drop: ['console'],
    plugins: [...plugins, lateBuiltins],
  });
}

const modules = Object.keys(manifest.exports).flatMap((entry) => /^\.\/(\w+)$/.exec(entry)?.[1] ?? []);

const [own, ...packages] = await Promise.all([
  buildInGroups(
    {
      ...program,
      entryPoints: {
        cli: 'cli.tsx',
        // A worker thread.
        'lock-keeper': 'source/features/lock/holder/keeper.ts',
        painted: 'source/console/painted.ts',
        index: 'source/index.ts',
        ...Object.fromEntries(modules.map((noun) => [noun, `source/features/${noun}/library.ts`])),
      },
      outdir: 'dist',
      chunkNames: 'chunks/[name]-[hash]',
      plugins: [
        luaAsText,
        leanMeow,
        ownComposition,
        ownStandIns,
        quickTexts,
        yogaApart('dist/chunks/yoga.wasm.br'),
        inkTable,
        packagesApart,
        lateBuiltins,
      ],
    },
    // Errors, and the lines of a stack, have the names that they have in the source.
    { library: { minify: true, keepNames: true }, program: { minify: true } },
  ),
  buildPackage('ioredis', 'Cluster, Redis, SentinelConnector', [quietIoredis, quickCommander]),
  buildPackage('pg', 'default'),
]);
chmodSync('dist/cli.js', 0o755);

const builds = [own, ...packages].map(({ metafile }) => {
  if (!metafile) throw new Error('esbuild gave no metafile');
  return metafile;
});
for (const { file, sources, isForLibrary } of own.files) {
  const painting = sources.find((source) => /node_modules[/\\](ink|react)[/\\]/.test(source));
  if (painting && !file.endsWith('console.js'))
    throw new Error(`${painting} got into ${file}: only chunks/console.js paints`);
  // One letter of another alphabet, as esbuild leaves it in a regular expression, and V8 reads the whole file at half the
  // speed and keeps it in twice the room.
  const strange = /[^\n]{0,40}[^\0-\x7F]/.exec(readFileSync(file, 'utf8'))?.[0];
  if (strange !== undefined)
    throw new Error(`${file} has a letter beyond ASCII: write it as \\u: ${strange}`);
  finishFile(file, isForLibrary);
}
for (const file of Object.values(ownPackages)) finishFile(`dist/chunks/${file}`, false);
const bundled = bundledPackages(builds);
writeFileSync('dist/LICENSES.txt', noticesOf(bundled));
writeFileSync('dist/sbom.cdx.json', sbomOf(manifest, bundled));

/** Puts the paths to other files in place of their names, and before the code what it expects there. */
function finishFile(file: string, isForLibrary: boolean): void {
  const folder = path.relative('dist', path.dirname(file)) === '' ? './chunks' : '.';
  const code = readFileSync(file, 'utf8').replaceAll(
    /quarterdeck-chunk:([\w-]+\.js)/g,
    (_, chunk: string) => {
      if (!existsSync(`dist/chunks/${chunk}`))
        throw new Error(`${file} imports chunks/${chunk}, which nothing built`);
      if (isForLibrary && Object.values<string>(ownPackages).includes(chunk))
        throw new Error(
          `${file} imports chunks/${chunk}: the client and the driver of a library are its user's`,
        );
      return `${folder}/${chunk}`;
    },
  );
  const [, start = ''] = /^(#!.*\n)?/.exec(code) ?? [];
  const needed = [
    ...(/(?<![.\w$])require\b/.test(code) ? [requires] : []),
    ...(code.includes('quarterdeckBuiltin') ? [builtins] : []),
  ];
  writeFileSync(file, start + needed.join('') + code.slice(start.length));
}

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
