import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';

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
