import { readFileSync } from 'node:fs';

/**
 * ink-table 3.1.0 as an ES module. It is CommonJS and requires Ink, which is an ES module with a top-level await: no
 * bundler and no Node can require that. So its text runs in a function whose `require` hands out what was imported.
 * The default export is its `module.exports`, as for any CommonJS module that is imported. See docs/decisions/. It tells
 * rows apart by their place and the SHA-1 of what they hold, which took a tenth of the time of a frame: by what they
 * hold they are told apart as well.
 * @throws {Error} when the package requires or uses anything else than it did in that release
 */
export function inkTableModule(file: string): string {
  const text = readFileSync(file, 'utf8');
  const required = text.matchAll(/\brequire\("([^"]+)"\)/g).map(([, name]) => name);
  const used = text.matchAll(/\bink_1\.(\w+)/g).map(([, name]) => name);
  expectSame(file, [...required], ['react', 'ink', 'object-hash']);
  expectSame(file, [...new Set(used)].sort(), ['Box', 'Text']);
  return `import react from 'react';
import { Box, Text } from 'ink';
const known = { react, ink: { Box, Text }, 'object-hash': { sha1: JSON.stringify } };
const module = { exports: {} };
((require, exports) => {
${text}
})((name) => known[name], module.exports);
export default module.exports;
`;
}

/** Which file of node_modules this is about. */
export const inkTableFile = /node_modules[/\\]ink-table[/\\]dist[/\\]index\.js$/;

function expectSame(file: string, found: readonly (string | undefined)[], expected: readonly string[]): void {
  if (found.join() !== expected.join())
    throw new Error(`${file}: expected ${expected.join(', ')}, found ${found.join(', ') || 'nothing'}`);
}
