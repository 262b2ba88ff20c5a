import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

// What docs/library.md promises of every module, read from the API report, which the package's test holds against the
// types that are built.

type Statement = { readonly name: string; readonly text: string; readonly isDeprecated: boolean };

const beginning = /^(?=\/\/ deprecated|\/\/ as |(?:interface|class|type|namespace|function) )/m;

function statementsOf(section: string): Statement[] {
  const found: Statement[] = [];
  let isDeprecated = false;
  for (const text of section.split(beginning)) {
    if (text.startsWith('// deprecated')) isDeprecated = text.trim() === '// deprecated';
    const [, name] = /^(?:interface|class|type|namespace|function) (\w+)/m.exec(text) ?? [];
    if (name === undefined) continue;
    found.push({ name, text: text.replaceAll(/'[^']*'/g, "''"), isDeprecated });
    isDeprecated = false;
  }
  return found;
}

const report = readFileSync('docs/api/quarterdeck.api.md', 'utf8');
const sections = new Map(
  report
    .split(/^## quarterdeck/m)
    .slice(1)
    .map((section) => [/^\/?(\w*)/.exec(section)?.[1] ?? '', statementsOf(section)] as const),
);
const root = sections.get('') ?? [];
const modules = [...sections].filter(([noun]) => noun !== '');
const current = (statements: readonly Statement[]): Statement[] =>
  statements.filter(({ isDeprecated }) => !isDeprecated);

/** Of TypeScript and JavaScript, and parameters of types. */
const given = new Set(
  'AbortSignal AsyncDisposable AsyncGenerator AsyncIterable Buffer Error Event Iterable Omit Partial Promise Record Required Uint8Array'.split(
    ' ',
  ),
);

const typesIn = (text: string): string[] => text.match(/(?<![\w.])[A-Z]\w*/g) ?? [];

/** Those with a `signal`, their own or of what they extend. */
function cancellableTypes(statements: readonly Statement[]): Set<string> {
  const found = new Set<string>(['Call']);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { name, text } of statements) {
      const [head = ''] = text.split('{');
      if (/^(interface|type)/.test(text) && typesIn(head).some((type) => found.has(type))) found.add(name);
    }
  }
  return found;
}

test('there are the root and ten modules', () => {
  expect([...sections.keys()]).toHaveLength(11);
});

describe.each([...sections])('quarterdeck/%s', (_, statements) => {
  test('each type that a declaration names can be imported from there or from the root', () => {
    const exported = new Set([...root, ...statements].map(({ name }) => name));
    const missing = current(statements).flatMap(({ name, text }) =>
      typesIn(text)
        .filter((type) => !exported.has(type) && !given.has(type))
        .map((type) => `${name}: ${type}`),
    );
    expect(missing).toEqual([]);
  });
});

describe.each(modules)('quarterdeck/%s', (_, statements) => {
  const types = cancellableTypes([...root, ...statements]);
  const takesSignal = (text: string): boolean => typesIn(text).some((type) => types.has(type));

  test('each call that asks Redis can be cancelled', () => {
    // `open` asks nothing yet, unless it says that it does by its promise; what it gives is a handle.
    const calls = current(statements).filter(
      ({ name, text }) => text.startsWith('function') && /\((redis|ring)\b/.test(text) && name !== 'open',
    );
    expect(calls.length).toBeGreaterThan(0);
    const without = calls.filter(({ text }) => !takesSignal(text.slice(0, text.lastIndexOf('):'))));
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  test('what is open is a handle, and what it sends can be cancelled', () => {
    const open = current(statements).filter(({ text }) => /^\s+close\(\): Promise/m.test(text));
    // A user's own target of counts needs `close` alone; `openTarget` gives one that is a handle.
    expect(open.map(({ name }) => name).filter((name) => name !== 'Target')).toEqual([]);
    const handles = current(statements).filter(({ text }) => /^interface \w+ extends Handle/.test(text));
    for (const { text } of handles) {
      const methods = [...text.matchAll(/^ {4}(\w+)\(([^)]*)\): Promise/gm)];
      const without = methods.filter(([, , parameters = '']) => !takesSignal(parameters));
      // Deprecated, for `close`.
      expect(without.map(([, name]) => name).filter((name) => name !== 'release')).toEqual([]);
    }
  });

  test('the client comes first and is called redis', () => {
    const others = current(statements).filter(
      ({ text }) => text.startsWith('function') && /\(\w+: (Redis|Client)\b/.test(text),
    );
    for (const { text } of others) expect(text).toMatch(/\(redis: Redis\b/);
  });
});
