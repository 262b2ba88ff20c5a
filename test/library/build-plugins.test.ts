import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';
import { expect, test } from 'vitest';
import * as plugins from '../../scripts/build-plugins.ts';

const beside = path.join(tmpdir(), 'quarterdeck-yoga.wasm.br');
const all = Object.entries({ ...plugins, yogaApart: plugins.yogaApart(beside) }).filter(
  (entry): entry is [string, Plugin] => typeof entry[1] === 'object' && 'setup' in entry[1],
);

test('every plugin of the build is looked at here', () => {
  expect(all.map(([name]) => name)).toContain('leanMeow');
  expect(all.length).toBeGreaterThanOrEqual(8);
});

test.each(all.filter(([name]) => name !== 'luaAsText'))(
  '%s fails a build in which it finds nothing to change',
  async (_, plugin) => {
    const building = build({
      stdin: { contents: 'export default 1' },
      write: false,
      logLevel: 'silent',
      plugins: [plugin],
    });
    await expect(building).rejects.toThrow(/found nothing to change/);
  },
);

test.each([
  ['leanMeow', 'meow/build/options.js'],
  ['yogaApart', 'yoga-layout/dist/binaries/yoga-wasm-base64-esm.js'],
  ['inkTable', 'ink-table/dist/index.js'],
  ['quickCommander', 'ioredis/built/utils/Commander.js'],
])('%s fails when the file is there and says something else', async (name, file) => {
  const plugin = all.find(([found]) => found === name)?.[1];
  if (!plugin) throw new Error(`no plugin ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-plugins-'));
  const moved = path.join(folder, 'node_modules', file);
  mkdirSync(path.dirname(moved), { recursive: true });
  writeFileSync(moved, 'export default "as it never was"');
  try {
    const building = build({
      entryPoints: [moved],
      bundle: true,
      write: false,
      logLevel: 'silent',
      plugins: [plugin],
    });
    await expect(building).rejects.toThrow(/nothing that matches|expected react/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('of a module of Node only what is imported is read: the rest may load more', async () => {
  const { outputFiles } = await build({
    stdin: { contents: "import { inspect } from 'node:util'; export default inspect(1);" },
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [plugins.lateBuiltins],
  });
  expect(outputFiles[0]?.text).toContain('inspect');
  expect(outputFiles[0]?.text).not.toMatch(/TextDecoder|MIMEType|diff/);
});
