import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiReport, modules } from '../../scripts/api-report.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// What a user gets: the package is packed from a checkout that was never built, installed into empty folders, and used
// there. Other packages come from npm's cache, or else from the registry.

const run = promisify(execFile);
const server = await redisForThisFile();
const work = mkdtempSync(path.join(tmpdir(), 'quarterdeck-consumer-'));
const tarball = path.join(work, 'quarterdeck.tgz');
const tsc = path.resolve('node_modules/typescript/bin/tsc');
afterAll(() => rmSync(work, { recursive: true, force: true }));

type Consumer = { readonly name: string; readonly packages: readonly string[] };
const consumers: readonly Consumer[] = [
  { name: 'ioredis-6', packages: ['ioredis@6.0.0'] },
  { name: 'ioredis-5', packages: ['ioredis@5.11.1'] },
];
const nodes: readonly { readonly name: string; readonly packages: readonly string[] }[] = [
  { name: 'node-22', packages: ['node@22.12.0'] },
];

/** npm, as it runs outside of `npm test`, whose settings would leak into it through the environment. */
function npm(words: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle|command)/i.test(name)),
  );
  return run('npm', [...words, '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], {
    cwd,
    env: { ...env, NODE_ENV: '' },
    maxBuffer: 64 * 1024 * 1024,
  });
}

beforeAll(async () => {
  const checkout = path.join(work, 'checkout');
  cpSync('.', checkout, {
    recursive: true,
    filter: (file) => !/^(node_modules|dist|\.git|.*\.tgz)$/.test(file.split(path.sep)[0] ?? ''),
  });
  symlinkSync(path.resolve('node_modules'), path.join(checkout, 'node_modules'));
  const { stdout } = await npm(['pack', '--silent', '--pack-destination', work], checkout);
  cpSync(path.join(work, stdout.trim().split('\n').at(-1) ?? ''), tarball);
  for (const { name, packages } of [...consumers, ...nodes]) {
    const folder = path.join(work, name);
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const isConsumer = consumers.some((one) => one.name === name);
    await npm(['install', ...(isConsumer ? [tarball] : []), ...packages], folder);
    if (isConsumer) cpSync('test/package/consumer', folder, { recursive: true });
  }
}, 300_000);

/** What lies in a folder and below, in bytes. */
function weigh(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return sum + weigh(file);
    return sum + (entry.isFile() ? statSync(file).size : 0);
  }, 0);
}

describe.each(consumers)('beside $name', ({ name }) => {
  const folder = path.join(work, name);

  test.each(['nodenext', 'bundler'])(
    'a strict program compiles, and so do all types (%s)',
    async (resolution) => {
      const isBundler = resolution === 'bundler';
      writeFileSync(
        path.join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            target: 'es2024',
            lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
            module: isBundler ? 'preserve' : 'nodenext',
            moduleResolution: resolution,
            types: ['node'],
            typeRoots: [path.resolve('node_modules/@types')],
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            verbatimModuleSyntax: true,
            erasableSyntaxOnly: true,
            skipLibCheck: false,
            outDir: `out-${resolution}`,
          },
          files: ['five-modules.ts'],
        }),
      );
      const { stdout } = await run(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: folder }).catch(
        (error: { stdout: string }) => error,
      );
      expect(stdout).toBe('');
    },
  );

  test('it runs against a real server, on this Node and the oldest that we name', async () => {
    const node22 = path.join(work, 'node-22/node_modules/.bin/node');
    for (const node of [process.execPath, node22]) {
      await server.client().flushall();
      const { stdout, stderr } = await run(node, ['out-nodenext/five-modules.js', server.socket], {
        cwd: folder,
      });
      expect({ stdout, stderr }).toEqual({ stdout: 'six modules work\n', stderr: '' });
    }
    expect(execFileSync(node22, ['--version'], { encoding: 'utf8' })).toBe('v22.12.0\n');
  });
});

describe('the program', () => {
  const folder = path.join(work, 'ioredis-6');
  const commands: readonly (readonly string[])[] = [
    ['chat', 'create', 'shop', '--members', 'ada,bob'],
    ['chat', 'send', 'shop', 'hello', '--as', 'ada'],
    ['log', 'write', 'web', 'disk full'],
    ['limit', 'hit', 'key:1', '--max', '2', '--per', '1m'],
    ['hits', 'add', 'web', '3'],
    ['lock', 'run', 'deploy', '--', process.execPath, '-e', '0'],
    ['topic', 'publish', 'orders', 'one'],
    ['buffer', 'incr', 'page', '/a', '2'],
    ['buffer', 'pending', 'page'],
    ['shards', 'route', 'a', 'b'],
    ['sync', 'status'],
  ];

  test.each([
    ['this Node', () => process.execPath],
    ['the oldest Node that we name', () => path.join(work, 'node-22/node_modules/.bin/node')],
  ])('runs ten commands and paints a frame on %s', async (_, node) => {
    await server.client().flushall();
    const cli = path.join(folder, 'node_modules/.bin/quarterdeck');
    const env = { PATH: process.env.PATH, HOME: work, USER: 'tester', REDIS_URL: server.url };
    const failed: string[] = [];
    for (const words of commands) {
      await run(node(), [cli, ...words], { env, cwd: folder }).catch((error: { stderr: string }) =>
        failed.push(`${words.join(' ')}: ${error.stderr}`),
      );
    }
    expect(failed).toEqual([]);
    const { stdout } = await run(node(), [cli, 'snapshot', '--size', '120x40'], { env, cwd: folder });
    const lines = stdout.split('\n');
    expect(lines[0]).toContain('quarterdeck');
    expect(stdout).toContain('orders');
    expect(stdout).not.toContain('This pane failed');
  });

  test('the console opens with nothing beside it but its own files', () => {
    const alone = path.join(work, 'alone');
    mkdirSync(alone);
    cpSync(path.join(folder, 'node_modules/quarterdeck'), path.join(alone, 'quarterdeck'), {
      recursive: true,
    });
    const cli = path.join(alone, 'quarterdeck/dist/cli.js');
    const printed = execFileSync(process.execPath, [cli, 'snapshot', '--pane', 'lock', '--size', '80x20'], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: work, REDIS_URL: server.url },
    });
    expect(printed).toContain('lock');
  });
});

describe('the package', () => {
  const own = path.join(work, 'ioredis-6/node_modules/quarterdeck');

  test('publint and attw have nothing to say', async () => {
    const { stdout } = await run(process.execPath, ['scripts/check-package.ts', tarball]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('publint and attw (ES modules): nothing to say\n');
  });

  test('is small, and brings nothing but itself', () => {
    const folders = readdirSync(path.join(work, 'ioredis-6/node_modules')).filter(
      (name) => !name.startsWith('.'),
    );
    expect(folders).not.toContain('ink');
    expect(folders).not.toContain('react');
    const closure = reached(own, 'dist/lock.js');
    const figures = {
      tarball: statSync(tarball).size,
      installed: weigh(own),
      'code that quarterdeck/lock loads': closure.reduce((sum, file) => sum + statSync(file).size, 0),
      'with ioredis 6 and all it needs': weigh(path.join(work, 'ioredis-6/node_modules')),
    };
    for (const [what, bytes] of Object.entries(figures))
      process.stdout.write(`package: ${what}: ${(bytes / 1e6).toFixed(2)} MB\n`);
    // What was reached, and a twentieth for what is added: raise it knowingly.
    expect(figures.tarball).toBeLessThan(1e6);
    expect(figures.installed).toBeLessThan(2.3e6);
    expect(figures['code that quarterdeck/lock loads']).toBeLessThan(0.13e6);
  });

  test.each(modules)('%s loads neither the client nor the driver that the program brings', (noun) => {
    const names = reached(own, `dist/${noun}.js`).map((file) => path.basename(file));
    expect(names).toContain('core.js');
    for (const name of ['ioredis.js', 'pg.js', 'program.js', 'console.js']) expect(names).not.toContain(name);
  });

  test('an error is one class with the name it is exported by, whichever entries are imported', async () => {
    const folder = path.join(work, 'ioredis-6');
    const file = path.join(folder, 'errors.mjs');
    const nouns = modules.filter((noun) => noun !== 'index');
    writeFileSync(
      file,
      `import * as index from 'quarterdeck';
const nouns = ${JSON.stringify(nouns)};
const entries = await Promise.all(nouns.map((noun) => import('quarterdeck/' + noun)));
const errorsOf = (entry) => Object.entries(entry).filter(([, value]) => value?.prototype instanceof Error);
const all = [index, ...entries].flatMap(errorsOf);
const isOurs = (value) => value === index.QuarterdeckError || value.prototype instanceof index.QuarterdeckError;
console.log(JSON.stringify({
  names: all.map(([name]) => name),
  // An old name may stay beside the one that it has.
  misnamed: all.filter(([, value]) => !all.some(([name, same]) => name === value.name && same === value)).map(([name]) => name),
  foreign: all.filter(([, value]) => !isOurs(value)).map(([name]) => name),
  doubled: entries.flatMap((entry, at) =>
    errorsOf(entry).filter(([name, value]) => (index[nouns[at]][name] ?? index[name]) !== value)).map(([name]) => name),
}));
const refused = await entries[${nouns.indexOf('lock')}].acquire({}, 'x').catch((error) => error);
console.log(refused.name, refused instanceof index.UnsupportedClientError);`,
    );
    const { stdout } = await run(process.execPath, [file], { cwd: folder });
    const [found = '', refused] = stdout.split('\n');
    const { names, ...wrong } = JSON.parse(found) as { names: string[] };
    expect(names).toEqual(expect.arrayContaining(['LockLostError', 'UnsupportedClientError']));
    expect(wrong).toEqual({ misnamed: [], foreign: [], doubled: [] });
    expect(refused).toBe('UnsupportedClientError true');
  });

  test('its public surface is the one that `npm run api` wrote', () => {
    expect(apiReport(path.join(own, 'dist/types'), modules)).toBe(
      readFileSync('docs/api/quarterdeck.api.md', 'utf8'),
    );
  });

  test('carries the notices of what it holds', () => {
    const notices = readFileSync(path.join(own, 'dist/LICENSES.txt'), 'utf8');
    const bom = JSON.parse(readFileSync(path.join(own, 'dist/sbom.cdx.json'), 'utf8')) as {
      components: { name: string; version: string }[];
    };
    const names = bom.components.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['ink', 'react', 'ink-table', 'ioredis', 'meow', 'pg', 'valibot']),
    );
    for (const { name, version } of bom.components) expect(notices).toContain(`${name} ${version}`);
  });

  test('runs no script when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
  });
});

/** The files of the package that are loaded with an entry. */
function reached(root: string, entry: string, seen = new Set<string>()): readonly string[] {
  const file = path.join(root, entry);
  if (seen.has(file)) return [...seen];
  seen.add(file);
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*"(\.[^"]+)"/g))
    reached(root, path.join(path.dirname(entry), target), seen);
  return [...seen];
}
