import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The text of a Lua file with its parts in place: a line `-- @include ./part.lua` becomes the text of that file, the
 * first time it is named. The build, the test runner and `register-lua.ts` all load Lua through this.
 */
export function readLua(file: string): { readonly text: string; readonly files: readonly string[] } {
  const files: string[] = [];
  const read = (one: string): string => {
    files.push(one);
    return readFileSync(one, 'utf8').replaceAll(/^-- @include (\S+)$/gm, (_, named: string) => {
      const part = path.resolve(path.dirname(one), named);
      return files.includes(part) ? '' : read(part).trimEnd();
    });
  };
  const text = read(path.resolve(file));
  return { text, files };
}

/** The same as an ES module. */
export function luaModule(file: string): string {
  return `export default ${JSON.stringify(readLua(file).text)};`;
}
