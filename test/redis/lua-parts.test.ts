import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, expect, test } from 'vitest';
import { luaAsText } from '../../scripts/build-plugins.ts';
import { readLua } from '../../scripts/read-lua.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-lua-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

write('one.lua', '-- One.\nlocal function one() return 1 end\n');
write('two.lua', '-- Two.\n-- @include ./one.lua\nlocal function two() return one() + 1 end\n');
const script = write(
  'whole.lua',
  '#!lua\n-- Reply: 3\n-- @include ./two.lua\n-- @include ./one.lua\nreturn one() + two()\n',
);
const expected =
  '#!lua\n-- Reply: 3\n-- Two.\n-- One.\nlocal function one() return 1 end\nlocal function two() return one() + 1 end\n\nreturn one() + two()\n';

test('a part stands where it is first named, with its own parts', () => {
  expect(readLua(script).text).toBe(expected);
});

test('the test runner gives a script with its parts', async () => {
  const { default: text } = (await import(/* @vite-ignore */ script)) as { default: string };
  expect(text).toBe(expected);
});

test('the build gives the same without its comments, line by line', async () => {
  const entry = write('entry.mjs', "import text from './whole.lua'; process.stdout.write(text);");
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    plugins: [luaAsText],
  });
  const built = write('built.mjs', outputFiles[0]?.text ?? '');
  expect(execFileSync(process.execPath, [built], { encoding: 'utf8' })).toBe(
    expected.replaceAll(/^--.*$/gm, ''),
  );
});

test('what runs unbuilt gets the same', () => {
  const entry = write('unbuilt.mjs', "import text from './whole.lua'; process.stdout.write(text);");
  const register = pathToFileURL(path.resolve('scripts/register-lua.ts')).href;
  expect(execFileSync(process.execPath, ['--import', register, entry], { encoding: 'utf8' })).toBe(expected);
});

test('a part that does not exist stops the build', () => {
  expect(() => readLua(write('broken.lua', '#!lua\n-- @include ./nowhere.lua\n'))).toThrow(/nowhere\.lua/);
});
