import path from 'node:path';
import { type BuildOptions, type BuildResult, build, type Metafile, type Plugin } from 'esbuild';
import { besideChunks } from './build-plugins.ts';

/**
 * The program and the library from one build, in few files.
 *
 * esbuild splits: what the same entries share becomes a chunk, and whatever is imported dynamically is an entry. That
 * makes two hundred files, of which the console would load a hundred, which takes longer than painting. So the chunks
 * are put together again, by who loads them: a second pass takes them as its modules.
 *
 * - `base`: what `cli.tsx` needs for any command
 * - `core`: what the library needs, of no feature
 * - `lock` ...: a feature, as the library has it
 * - `connection`: what the program and its lock keeper need to connect
 * - `program`: what the commands and the console share, the commands of all features with it
 * - `commands`: the commands that belong to no feature, which the console has too
 * - `console`: what only the console needs
 *
 * Anything else stays a file of its own: an entry, or what one command loads when it runs.
 */

type Chunk = {
  /** Where esbuild would have written it. */
  readonly file: string;
  readonly code: string;
  readonly sources: readonly string[];
  /** The source that it is the entry of, if any. */
  readonly entry: string | undefined;
  /** The feature that most of it belongs to. */
  readonly feature: string | undefined;
  readonly imports: readonly Import[];
};

type Import = {
  readonly file: string;
  /** Undefined for a dynamic import, which takes all. */
  readonly names: readonly string[] | undefined;
};

export type Built = {
  readonly file: string;
  /** What it was made of. */
  readonly sources: readonly string[];
  /** Whether a user of the library may load it. */
  readonly isForLibrary: boolean;
};

const isKeeper = (source: string): boolean => source === 'source/features/lock/holder/keeper.ts';
const isCli = (source: string): boolean => source === 'cli.tsx';
const isLibrary = (source: string): boolean => /^source\/(index|features\/\w+\/library)\.ts$/.test(source);
const isFeatureIndex = (source: string): boolean => /^source\/features\/\w+\/index\.ts$/.test(source);
const isCommand = (source: string): boolean => /^source\/commands\//.test(source);
const isOfConsole = (source: string): boolean =>
  /^source\/console\/|-pane\.tsx$|(^|\/)node_modules\//.test(source);
const opensConsole = (source: string): boolean =>
  /^source\/console\/(painted\.ts|console-session\.tsx)$/.test(source);

/**
 * @param finish how the files that a user of the library may load are written, and how the others are
 * @throws {Error} when groups import each other in a circle: such files cannot be evaluated in order
 */
export async function buildInGroups(
  options: BuildOptions & { readonly outdir: string; readonly plugins: Plugin[] },
  finish: { readonly library: BuildOptions; readonly program: BuildOptions },
): Promise<{ readonly metafile: Metafile; readonly files: readonly Built[] }> {
  const split = await build({
    ...options,
    splitting: true,
    minifySyntax: true,
    metafile: true,
    write: false,
  });
  const chunks = chunksOf(split);
  const { groupOf, library } = assign(chunks);
  refuseCircles(chunks, groupOf);

  const plugin = linking(chunks, groupOf);
  const files = Array.from(
    Map.groupBy(chunks.values(), ({ file }) => groupOf.get(file) ?? file),
    ([name, members]) => {
      const isGroup = members.some(({ file }) => groupOf.has(file));
      return {
        in: isGroup ? `group:${name}` : name,
        file: isGroup ? path.resolve(options.outdir, 'chunks', `${name}.js`) : name,
        sources: members.flatMap(({ sources }) => sources),
        isForLibrary: members.some(({ file }) => library.has(file)),
      };
    },
  );
  const write = (isForLibrary: boolean): Promise<unknown> =>
    build({
      ...options,
      ...(isForLibrary ? finish.library : finish.program),
      inject: [],
      define: {},
      entryPoints: files
        .filter((file) => file.isForLibrary === isForLibrary)
        .map((one) => ({
          in: one.in,
          out: path.relative(options.outdir, one.file).replace(/\.js$/, ''),
        })),
      plugins: [plugin],
    });
  await Promise.all([write(true), write(false)]);
  return {
    metafile: split.metafile,
    files: files.map(({ file, sources, isForLibrary }) => ({ file, sources, isForLibrary })),
  };
}

function chunksOf({ metafile, outputFiles = [] }: BuildResult): ReadonlyMap<string, Chunk> {
  const chunks = outputFiles.map(({ path: file, text: code }) => {
    const output = metafile?.outputs[path.relative('', file)];
    if (!output) throw new Error(`esbuild says nothing of ${file}`);
    const bytes = new Map<string, number>();
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const feature = /^source\/features\/(\w+)\//.exec(input)?.[1];
      if (feature !== undefined) bytes.set(feature, (bytes.get(feature) ?? 0) + bytesInOutput);
    }
    const feature = Array.from(bytes).sort(([, one], [, other]) => other - one)[0]?.[0];
    return {
      file,
      code,
      sources: Object.keys(output.inputs),
      entry: output.entryPoint,
      feature,
      imports: importsIn(file, code),
    };
  });
  return new Map(chunks.map((chunk) => [chunk.file, chunk]));
}

const staticImport = /^import (?:\{([^}]*)\} from )?"(\.[^"]+)";$/gm;
const dynamicImport = /\bimport\("(\.[^"]+)"\)/g;

function importsIn(from: string, code: string): readonly Import[] {
  const fileOf = (target: string): string => path.resolve(path.dirname(from), target);
  return [
    ...Array.from(code.matchAll(staticImport), ([, words = '', target = '']) => ({
      file: fileOf(target),
      names: words.split(',').flatMap((word) => /^\s*(\S+)/.exec(word)?.[1] ?? []),
    })),
    ...Array.from(code.matchAll(dynamicImport), ([, target = '']) => ({
      file: fileOf(target),
      names: undefined,
    })),
  ];
}

/** Every chunk that is loaded with these entries; or that may be, by and by. */
function reached(
  chunks: ReadonlyMap<string, Chunk>,
  isFrom: (source: string) => boolean,
  isLater = false,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = Array.from(chunks.values()).filter(({ entry }) => entry !== undefined && isFrom(entry));
  for (let chunk = waiting.pop(); chunk; chunk = waiting.pop()) {
    if (seen.has(chunk.file)) continue;
    seen.add(chunk.file);
    for (const { file, names } of chunk.imports) {
      const next = chunks.get(file);
      if (next && (names || isLater)) waiting.push(next);
    }
  }
  return seen;
}

function assign(chunks: ReadonlyMap<string, Chunk>): {
  readonly groupOf: ReadonlyMap<string, string>;
  readonly library: ReadonlySet<string>;
} {
  const base = reached(chunks, isCli);
  const library = new Set([...base, ...reached(chunks, isLibrary, true)]);
  const keeper = reached(chunks, isKeeper);
  const loading = new Map<string, string[]>();
  for (const { entry } of chunks.values()) {
    if (entry === undefined) continue;
    for (const file of reached(chunks, (source) => source === entry))
      loading.set(file, [...(loading.get(file) ?? []), entry]);
  }
  const nameOf = ({ file, entry, feature }: Chunk): string | undefined => {
    if (entry !== undefined && isCommand(entry)) return 'commands';
    if (entry !== undefined && !isFeatureIndex(entry) && !isOfConsole(entry)) return undefined;
    if (base.has(file)) return 'base';
    if (library.has(file)) return feature ?? 'core';
    if (keeper.has(file)) return 'connection';
    const by = loading.get(file) ?? [];
    if (by.every(isOfConsole)) return 'console';
    const isShared = by.some((source) => opensConsole(source) || isFeatureIndex(source));
    if (feature !== undefined || isShared) return 'program';
    return by.some(isCommand) ? 'commands' : undefined;
  };
  const groupOf = new Map<string, string>();
  for (const chunk of chunks.values()) {
    const name = nameOf(chunk);
    if (name !== undefined) groupOf.set(chunk.file, name);
  }
  return { groupOf, library };
}

function refuseCircles(chunks: ReadonlyMap<string, Chunk>, groupOf: ReadonlyMap<string, string>): void {
  const name = (file: string): string => groupOf.get(file) ?? file;
  const next = new Map<string, Set<string>>();
  for (const { file, imports } of chunks.values()) {
    const targets = next.get(name(file)) ?? new Set();
    next.set(name(file), targets);
    for (const { file: target, names } of imports)
      if (names && names.length > 0 && name(target) !== name(file)) targets.add(name(target));
  }
  const done = new Set<string>();
  const visit = (at: string, way: readonly string[]): void => {
    if (way.includes(at)) throw new Error(`Built files import each other: ${[...way, at].join(' -> ')}`);
    if (done.has(at)) return;
    for (const target of next.get(at) ?? []) visit(target, [...way, at]);
    done.add(at);
  };
  for (const at of next.keys()) visit(at, []);
}

/**
 * Makes groups of chunks: inside of one a chunk is a module; between them every name that crosses has a number, as two
 * chunks may export the same name.
 */
function linking(chunks: ReadonlyMap<string, Chunk>, groupOf: ReadonlyMap<string, string>): Plugin {
  const numbers = new Map<string, string>();
  const crossing = new Map<string, Set<string>>();
  const all = '*';
  const numberOf = (file: string, name: string): string => {
    const known = numbers.get(`${file} ${name}`) ?? `_${numbers.size.toString(36)}`;
    numbers.set(`${file} ${name}`, known);
    return known;
  };
  const isCrossing = (from: string, to: string): boolean =>
    groupOf.has(to) && groupOf.get(from) !== groupOf.get(to);
  for (const { file, imports } of chunks.values()) {
    for (const { file: target, names = [all] } of imports) {
      if (!isCrossing(file, target)) continue;
      crossing.set(target, new Set([...(crossing.get(target) ?? []), ...names]));
      for (const name of names) numberOf(target, name);
    }
  }

  return {
    name: 'chunk-groups',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^group:/ }, ({ path: name }) => ({ path: name, namespace: 'group' }));
      onLoad({ filter: /.*/, namespace: 'group' }, ({ path: name }) => {
        const own = Array.from(chunks.keys()).filter((file) => `group:${groupOf.get(file)}` === name);
        const lines = own.flatMap((file) => {
          const names = Array.from(crossing.get(file) ?? []);
          return names.map((one) =>
            one === all
              ? `export * as ${numberOf(file, one)} from ${JSON.stringify(file)};`
              : `export { ${one} as ${numberOf(file, one)} } from ${JSON.stringify(file)};`,
          );
        });
        return { contents: lines.join('\n'), resolveDir: process.cwd() };
      });

      onResolve({ filter: /^\.|^\// }, ({ path: target, importer, kind, namespace }) => {
        const file = path.resolve(namespace === 'chunk' ? path.dirname(importer) : '', target);
        if (
          kind === 'entry-point' ||
          namespace === 'group' ||
          (groupOf.get(importer) === groupOf.get(file) && groupOf.has(file))
        )
          return { path: file, namespace: 'chunk' };
        if (!groupOf.has(file)) return { path: besideChunks(path.basename(file)), external: true };
        return { path: file, namespace: 'crossing', sideEffects: false };
      });
      onResolve({ filter: /^[^./]/ }, ({ path: name }) => ({ path: name, external: true }));
      onLoad({ filter: /.*/, namespace: 'crossing' }, ({ path: file }) => {
        const names = Array.from(crossing.get(file) ?? []).filter((name) => name !== all);
        const list = names.map((name) => `${numberOf(file, name)} as ${name}`).join(', ');
        const from = besideChunks(`${groupOf.get(file)}.js`);
        return { contents: `export { ${list} } from ${JSON.stringify(from)};` };
      });
      onLoad({ filter: /.*/, namespace: 'chunk' }, ({ path: file }) => {
        const isApart = (target: string): boolean =>
          isCrossing(file, path.resolve(path.dirname(file), target));
        const code = (chunks.get(file)?.code ?? '')
          // Only for the order of evaluation, which the groups have by themselves.
          .replaceAll(staticImport, (whole, names: string | undefined, target: string) =>
            names === undefined && isApart(target) ? '' : whole,
          )
          .replaceAll(dynamicImport, (whole, target: string) => {
            if (!isApart(target)) return whole;
            const to = path.resolve(path.dirname(file), target);
            const from = besideChunks(`${groupOf.get(to)}.js`);
            return `import(${JSON.stringify(from)}).then((all) => all.${numberOf(to, all)})`;
          });
        return { contents: code };
      });
    },
  };
}
