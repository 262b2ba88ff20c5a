import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** `docs/security.md` names, for each threat, the tests that prove its control. */

const page = readFileSync('docs/security.md', 'utf8');
const rows = page
  .slice(page.indexOf('## Threats'), page.indexOf('## Least rights'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (threat|---)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')));

test('every threat has a control and a proof', () => {
  expect(rows.length).toBeGreaterThan(15);
  for (const [threat, ...rest] of rows)
    expect({ threat, cells: rest.filter(Boolean).length }).toEqual({ threat, cells: 2 });
});

test('every test file that is named is there, and every command of a package script', () => {
  const texts = [page, readFileSync('SECURITY.md', 'utf8')];
  const named = texts.flatMap((text) => text.match(/`(?:test|docs|source)\/[\w./-]+`/g) ?? []);
  expect(named.length).toBeGreaterThan(40);
  const missing = named.map((name) => name.replaceAll('`', '')).filter((file) => !existsSync(file));
  expect(missing).toEqual([]);
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const runs = texts.flatMap((text) =>
    Array.from(text.matchAll(/`npm run ([\w:]+)/g), ([, script = '']) => script),
  );
  expect(runs.filter((script) => scripts[script] === undefined)).toEqual([]);
});

const proofs = rows.flatMap(([threat = '', , cell = '']) =>
  cell.split('; ').map((proof) => {
    const [, file = '', name = ''] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
    return { threat, proof, file, name };
  }),
);

test.each(proofs)('$file: $name', ({ proof, file, name }) => {
  expect({ proof, isNamed: file !== '' && name !== '' }).toEqual({ proof, isNamed: true });
  expect({ file, isThere: existsSync(file) }).toEqual({ file, isThere: true });
  // As the name of a test is written: between quotes, from its beginning.
  const text = readFileSync(file, 'utf8');
  expect(["'", '`', '"'].some((quote) => text.includes(quote + name))).toBe(true);
});
