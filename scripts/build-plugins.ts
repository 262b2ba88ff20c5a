import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { readLua } from './read-lua.ts';

/** Lua files as their text, with their parts in place. */
export const luaAsText: Plugin = {
  name: 'lua-as-text',
  setup({ onLoad }) {
    onLoad({ filter: /\.lua$/ }, ({ path }) => {
      const { text, files } = readLua(path);
      return { contents: text, loader: 'text', watchFiles: [...files] };
    });
  },
};

/** meow can read a package.json and set it right, which takes half of its start; ours is given to it. */
export const leanMeow: Plugin = {
  name: 'lean-meow',
  setup({ onLoad }) {
    onLoad({ filter: /meow[/\\]build[/\\]options\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /^import \{[^}]*readPackageUpSync[^}]*\} from .*$/m,
        'const readPackageUpSync = () => undefined, normalizePackageData = () => {};',
      ),
    }));
    onLoad({ filter: /meow[/\\]build[/\\]dependencies\.js$/ }, ({ path }) => ({
      // What is not used may go, though it would be called.
      contents: readFileSync(path, 'utf8').replaceAll(
        /^((?:var|const) \w+ = )((?:require\w+|getDefaultExportFromCjs)\()/gm,
        '$1/* @__PURE__ */ $2',
      ),
    }));
  },
};

/** Ink puts frames together cell by cell; ours are put together piece by piece, with the same result. */
export const ownComposition: Plugin = {
  name: 'own-composition',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/output\.js$/ }, ({ importer }) =>
      /ink[/\\]build[/\\]renderer\.js$/.test(importer)
        ? { path: resolve('source/ui/composition.ts') }
        : undefined,
    );
  },
};

/** The console is a file of its own, built beside the others; the command line loads it from there. */
export const consoleApart: Plugin = {
  name: 'console-apart',
  setup({ onResolve }) {
    onResolve({ filter: /console\/open-console\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './chunks/console.js', external: true } : undefined,
    );
  },
};

/** Take milliseconds to load, and the first frame needs none of them. */
const late = new Set(['assert', 'child_process', 'dns', 'readline', 'tls', 'worker_threads', 'zlib']);

/**
 * Node's own modules are fetched when the code that imports them runs, not when its file is loaded, as in one file
 * that would be all of them; and without the facade that an import gets for its names. Those that load slowly are
 * fetched when the first of their functions is called.
 */
export const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z][\w:/]*$/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return;
      const isRequired = kind === 'require-call' || kind === 'require-resolve';
      return { path: path.replace(/^node:/, ''), namespace: isRequired ? 'builtin-required' : 'builtin' };
    });
    onLoad({ filter: /.*/, namespace: 'builtin-required' }, ({ path }) => ({
      contents: late.has(path)
        ? `module.exports = new Proxy(() => {}, {
            get: (_, name) => quarterdeckBuiltin('node:${path}')[name],
            apply: (_, self, words) => quarterdeckBuiltin('node:${path}').apply(self, words),
          });`
        : `module.exports = quarterdeckBuiltin('node:${path}');`,
    }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: late.has(path) ? lateNames(path) : names(path),
    }));
  },
};

/** A getter loads more when it is read; who wants one of those finds it missing when building. */
function valuesOf(builtin: string): readonly (readonly [string, unknown])[] {
  const all = Object.entries(
    Object.getOwnPropertyDescriptors(process.getBuiltinModule(`node:${builtin}`) as object),
  );
  return all.flatMap(([name, { value }]) =>
    /^\w+$/.test(name) && value !== undefined ? [[name, value]] : [],
  );
}

function names(builtin: string): string {
  const found = valuesOf(builtin).map(([name]) => name);
  return `const all = quarterdeckBuiltin('node:${builtin}');
    export default all;
    const { ${found.map((name) => `${name}: _${name}`)} } = all;
    export { ${found.map((name) => `_${name} as ${name}`)} };`;
}

function lateNames(builtin: string): string {
  return valuesOf(builtin)
    .filter(([, value]) => typeof value === 'function')
    .map(
      ([name]) => `export function ${name}(...words) {
        const { ${name}: real } = quarterdeckBuiltin('node:${builtin}');
        return new.target ? Reflect.construct(real, words) : real(...words);
      }`,
    )
    .join('\n');
}
