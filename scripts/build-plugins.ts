import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import type { Plugin, PluginBuild } from 'esbuild';
import { inkTableFile, inkTableModule } from './ink-table-module.ts';
import { readLua } from './read-lua.ts';

/**
 * A plugin that changes what others wrote. Every change has a label and counts itself; one that found nothing to
 * change fails the build, because the dependency has moved and nobody would notice.
 */
function changing(
  name: string,
  labels: readonly string[],
  setup: (build: PluginBuild, count: (label: string) => void) => void,
): Plugin {
  return {
    name,
    setup(build) {
      const missing = new Set(labels);
      build.onStart(() => {
        for (const label of labels) missing.add(label);
      });
      setup(build, (label) => missing.delete(label));
      build.onEnd(({ errors }) => {
        if (errors.length > 0) return;
        return { errors: Array.from(missing, (label) => ({ text: `found nothing to change: ${label}` })) };
      });
    },
  };
}

/** @throws {Error} which fails the build, when the pattern is nowhere in the file */
function replaced(file: string, pattern: RegExp, replacement: string): string {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(pattern, replacement);
  if (changed === text) throw new Error(`${file} has nothing that matches ${pattern}`);
  return changed;
}

/**
 * Lua files as their text, with their parts in place, without comments and without what lines are indented by. Lines keep
 * their numbers, which errors of the server name.
 */
export const luaAsText = changing('lua-as-text', ['script'], ({ onLoad }, count) => {
  onLoad({ filter: /\.lua$/ }, ({ path: file }) => {
    count('script');
    const { text, files } = readLua(file);
    if (/\[=*\[/.test(text)) throw new Error(`${file} has a long bracket, in which every space counts`);
    const bare = text.replaceAll(/^[ \t]*--.*$/gm, '').replaceAll(/^[ \t]+|[ \t]+$/gm, '');
    return { contents: bare, loader: 'text', watchFiles: [...files] };
  });
});

/** meow can read a package.json and set it right, which takes half of its start; ours is given to it. */
export const leanMeow = changing('lean-meow', ['options', 'dependencies'], ({ onLoad }, count) => {
  onLoad({ filter: /meow[/\\]build[/\\]options\.js$/ }, ({ path: file }) => {
    count('options');
    return {
      contents: replaced(
        file,
        /^import \{[^}]*readPackageUpSync[^}]*\} from .*$/m,
        'const readPackageUpSync = () => undefined, normalizePackageData = () => {};',
      ),
    };
  });
  onLoad({ filter: /meow[/\\]build[/\\]dependencies\.js$/ }, ({ path: file }) => {
    count('dependencies');
    return {
      // What is not used may go, though it would be called.
      contents: replaced(
        file,
        /^((?:var|const) \w+ = )((?:require\w+|getDefaultExportFromCjs)\()/gm,
        '$1/* @__PURE__ */ $2',
      ),
    };
  });
});

/** Ink puts frames together cell by cell; ours are put together piece by piece, with the same result. */
export const ownComposition = changing('own-composition', ['renderer'], ({ onResolve }, count) => {
  onResolve({ filter: /^\.\/output\.js$/ }, ({ importer }) => {
    if (!/ink[/\\]build[/\\]renderer\.js$/.test(importer)) return;
    count('renderer');
    return { path: path.resolve('source/ui/composition.ts') };
  });
});

/**
 * Ink takes every text apart into sequences, twice a frame, to leave out those that steer the terminal. What was painted
 * by `styled` holds none, and is taken as it is; anything else goes the long way. A text that is as it was in the frame
 * before is not looked at again.
 */
export const quickTexts = changing('quick-texts', ['sanitize', 'squash'], ({ onLoad }, count) => {
  onLoad({ filter: /ink[/\\]build[/\\]sanitize-ansi\.js$/ }, ({ path: file }) => {
    count('sanitize');
    // A combining mark behind a sequence changes places with it: only what cannot be one is let through there.
    const steersNothing =
      '/^[^\\0-\\x08\\v-\\x1F\\x7F-\\x9F]*(?:\\x1B\\[[\\d;]*m(?![^\\x1B\\n\\x20-\\u02FF\\u2010-\\u20CF\\u2190-\\u2BFF\\u3041-\\u3096\\u4E00-\\u9FFF\\uAC00-\\uD7A3])[^\\0-\\x08\\v-\\x1F\\x7F-\\x9F]*)*$/';
    return {
      contents: replaced(
        file,
        /^const sanitizeAnsi = \(text\) => \{$/m,
        `const steersNothing = ${steersNothing};\n$&\n    if (steersNothing.test(text)) return text;`,
      ),
    };
  });
  onLoad({ filter: /ink[/\\]build[/\\]squash-text-nodes\.js$/ }, ({ path: file }) => {
    count('squash');
    return {
      contents: `${replaced(file, /^const squashTextNodes = /m, 'const squashed = ')
        .replaceAll('= squashTextNodes(', '= squashed(')
        .replace('export default squashTextNodes;', '')}
        const known = new WeakMap();
        export default node => {
          const [only, other] = node.childNodes;
          if (other !== undefined || only?.nodeName !== '#text') return squashed(node);
          const last = known.get(only);
          if (last?.value === only.nodeValue) return last.text;
          const text = squashed(node);
          known.set(only, { value: only.nodeValue, text });
          return text;
        };`,
    };
  });
});

/** Parts of the bundle that are replaced whole, and why. */
const standIns: Readonly<Record<string, string>> = {
  // Ink reaches for it only in development, yet imports it statically.
  'react-devtools-core': 'scripts/react-devtools-stub.ts',
  // Nothing is painted that did not go through `sanitise`, so it may be measured as we measure.
  'string-width': 'source/ui/cell-width.ts',
};

export const ownStandIns = changing('own-stand-ins', Object.keys(standIns), ({ onResolve }, count) => {
  for (const [name, file] of Object.entries(standIns)) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => {
      count(name);
      return { path: path.resolve(file) };
    });
  }
});

/** With DEBUG in the environment ioredis would print each command it sends, passwords too. */
export const quietIoredis = changing('quiet-ioredis', ['debug'], ({ onResolve }, count) => {
  onResolve({ filter: /^debug$/ }, () => {
    count('debug');
    return { path: path.resolve('scripts/debug-stub.ts') };
  });
});

/**
 * ioredis gives a prototype two functions for each of three hundred commands, one by one, for each of which V8 copies what
 * there is. One that has lost a property is a table to V8, which takes them in a twentieth of that time: ten milliseconds
 * of every start.
 */
export const quickCommander = changing('quick-commander', ['commands'], ({ onLoad }, count) => {
  onLoad({ filter: /ioredis[/\\]built[/\\]utils[/\\]Commander\.js$/ }, ({ path: file }) => {
    count('commands');
    const lose = ['first', 'second'].map((name) => `delete Commander.prototype.${name};`).join('');
    return {
      contents: replaced(
        file,
        /^commands\.forEach\(function \(commandName\) \{$/m,
        `Commander.prototype.first = Commander.prototype.second = undefined;${lose}\n$&`,
      ),
    };
  });
});

/**
 * Yoga carries its own bytes as text, a third longer than they are, and would fetch them from there, which loads all of
 * undici. They become a compressed file beside the one that has the code.
 */
export function yogaApart(file: string): Plugin {
  return changing('yoga-apart', ['binary'], ({ onLoad }, count) => {
    onLoad({ filter: /yoga-layout[/\\]dist[/\\]binaries[/\\][\w-]+\.js$/ }, ({ path: source }) => {
      count('binary');
      const bytes = /"data:application\/octet-stream;base64,([\w+/=]+)"/;
      const [, base64] = bytes.exec(readFileSync(source, 'utf8')) ?? [];
      if (base64 === undefined) throw new Error(`${source} has nothing that matches ${bytes}`);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, brotliCompressSync(Buffer.from(base64, 'base64')));
      const read = `readFileSync(new URL('./${path.basename(file)}', import.meta.url))`;
      const given = `loadYoga = { wasmBinary: brotliDecompressSync(${read}) };`;
      const contents = replaced(source, /^\s*loadYoga = loadYoga \|\| \{\};$/m, given).replace(bytes, '""');
      const imports = `import { readFileSync } from 'node:fs';import { brotliDecompressSync } from 'node:zlib';`;
      return { contents: `${imports}\n${contents}` };
    });
  });
}

/** ink-table as it was published; see `ink-table-module.ts`. */
export const inkTable = changing('ink-table', ['module'], ({ onLoad }, count) => {
  onLoad({ filter: inkTableFile }, ({ path: file }) => {
    count('module');
    return { contents: inkTableModule(file), resolveDir: path.dirname(file) };
  });
});

/**
 * A file in dist/chunks that another build makes. Which file will import it, and so the path to it, is known only when
 * the build is done: `build.ts` then puts it in place of this name.
 */
export function besideChunks(file: string): string {
  return `quarterdeck-chunk:${file}`;
}

/** Packages that the program brings, each a file of its own: `name` -> that file beside the chunks. */
export const ownPackages = { ioredis: 'ioredis.js', pg: 'pg.js' } as const;

/** What the library imports, it finds where it is installed. */
const peers: readonly RegExp[] = [/buffer[/\\]sql[/\\]driver\.ts$/];

export const packagesApart = changing(
  'packages-apart',
  [...Object.keys(ownPackages), 'peer'],
  ({ onResolve }, count) => {
    for (const [name, file] of Object.entries(ownPackages)) {
      onResolve({ filter: new RegExp(`^${name}$`) }, ({ importer }) => {
        if (peers.some((pattern) => pattern.test(importer))) {
          count('peer');
          return { path: name, external: true };
        }
        count(name);
        return { path: besideChunks(file), external: true };
      });
    }
  },
);

/** Take milliseconds to load, and the first frame needs none of them. */
const late = new Set([
  'assert',
  'child_process',
  'crypto',
  'dns',
  'http',
  'readline',
  'tls',
  'worker_threads',
  'zlib',
]);
/** A target of SQL imports it, and with that may fail. */
const atOnce = new Set(['node:sqlite']);

/**
 * Node's own modules are fetched when the code that imports them runs, not when its file is loaded, as in one file
 * that would be all of them; and without the facade that an import gets for its names. Those that load slowly are
 * fetched when the first of their functions is called.
 */
export const lateBuiltins = changing('late-builtins', ['builtin'], ({ onResolve, onLoad }, count) => {
  onResolve({ filter: /^[a-z][\w:/]*$/ }, ({ path: name, kind, importer }) => {
    // A dynamic import is late by itself, as that of node:sqlite, which not every Node has.
    if (!isBuiltin(name) || kind === 'dynamic-import' || atOnce.has(name)) return;
    // The thread that keeps a lock has to have its port at once.
    if (/lock[/\\]holder[/\\]keeper\.ts$/.test(importer)) return;
    count('builtin');
    const isRequired = kind === 'require-call' || kind === 'require-resolve';
    return { path: name.replace(/^node:/, ''), namespace: isRequired ? 'builtin-required' : 'builtin' };
  });
  onLoad({ filter: /.*/, namespace: 'builtin-required' }, ({ path: name }) => ({
    contents: late.has(name) ? lateModule(name) : `module.exports = quarterdeckBuiltin('node:${name}');`,
  }));
  onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path: name }) => ({
    contents: late.has(name) ? lateNames(name) : names(name),
  }));
});

/** A getter loads more when it is read; who wants one of those finds it missing when building. */
function valuesOf(builtin: string): readonly (readonly [string, unknown])[] {
  const all = Object.entries(
    Object.getOwnPropertyDescriptors(process.getBuiltinModule(`node:${builtin}`) as object),
  );
  return all.flatMap(([name, { value }]) =>
    /^\w+$/.test(name) && value !== undefined ? [[name, value]] : [],
  );
}

/** Each name by itself, so that those that nobody imports go: some load more of Node when they are read. */
function names(builtin: string): string {
  // `cli.tsx` puts another in its place while it loads what paints.
  const live = builtin === 'process' ? ['cwd'] : [];
  const found = valuesOf(builtin).flatMap(([name]) => (live.includes(name) ? [] : [name]));
  return `const all = quarterdeckBuiltin('node:${builtin}');
    export default all;
    const read = (name) => all[name];
    ${found.map((name) => `const _${name} = /* @__PURE__ */ read('${name}');`).join('')}
    export { ${found.map((name) => `_${name} as ${name}`)} };
    ${live.map((name) => `export const ${name} = (...words) => all.${name}(...words);`).join('')}`;
}

/** What is handed on without being called, as ioredis does with how it looks up hosts, loads nothing either. */
const handedOn: Readonly<Record<string, readonly string[]>> = { dns: ['lookup', 'resolveSrv'] };

function lateModule(builtin: string): string {
  const real = `quarterdeckBuiltin('node:${builtin}')`;
  const own = (handedOn[builtin] ?? []).map((name) => `${name}: (...words) => ${real}.${name}(...words)`);
  return `const own = { ${own} };
    module.exports = new Proxy(() => {}, {
      get: (_, name) => own[name] ?? ${real}[name],
      apply: (_, self, words) => ${real}.apply(self, words),
    });`;
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
