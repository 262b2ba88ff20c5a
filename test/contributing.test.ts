import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

// CONTRIBUTING.md is read by newcomers, who can tell least that a file or a script it names is gone.

const text = readFileSync('CONTRIBUTING.md', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

test('each script that it names is there, and each that is there it names', () => {
  const named = new Set(Array.from(text.matchAll(/^npm (?:run )?([\w:]+)/gm), ([, name]) => name));
  const known = Object.keys(scripts).filter((name) => !/^pre/.test(name));
  // Parts of `check`, `dev` and `test`.
  const parts = new Set(['build', 'lint']);
  expect([...named].filter((name) => !known.includes(name ?? ''))).toEqual([]);
  expect(known.filter((name) => !named.has(name) && !parts.has(name))).toEqual([]);
});

describe('the files', () => {
  const files = ['cli.tsx', ...globSync('{source,test,scripts,docs}/**/*.{ts,tsx,lua,md}')];
  const isThere = (name: string): boolean => files.some((file) => file === name || file.endsWith(`/${name}`));

  test('that it names are there', () => {
    const named = Array.from(text.matchAll(/`([\w./-]+\.(?:ts|tsx|lua))`/g), ([, name = '']) => name);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });
});
