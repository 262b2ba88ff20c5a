import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { renderToString } from 'ink';
import { describe, expect, test } from 'vitest';
import { readLua } from '../scripts/read-lua.ts';
import { commandTable } from '../source/commands/palette.ts';
import { readConfig } from '../source/config.ts';
import { keyLabel, keyList } from '../source/console/input/key-names.ts';
import { globalKey, listKey } from '../source/console/input/keymap.ts';
import { sessionKey } from '../source/console/input/session-keys.ts';
import { loadPanes } from '../source/console/mount.tsx';
import { App } from '../source/console/view/app.tsx';
import { type AnyFeature, features } from '../source/features/index.ts';
import { makeStore, type State } from '../source/store/store.ts';
import { StoreContext } from '../source/store/use-store.ts';
import { width } from '../source/ui/text.ts';

// The contract that every feature passes: what the shell relies on, whoever writes the next one.

const config = readConfig({}, { HOME: '/nowhere', USER: 'ada' });
const all = await Promise.all(
  Object.entries(features).map(async ([noun, load]) => [noun, await load()] as const),
);

async function paint(feature: AnyFeature, columns: number, rows: number, change: Partial<State> = {}) {
  const store = makeStore({
    slices: { [feature.noun]: feature.initial(config) },
    focus: feature.noun,
    columns,
    rows,
    connection: { name: 'live', sinceMs: 0, attempt: 0, url: 'redis://test', kind: 'standalone' },
  });
  store.setState(change);
  const loaded = await loadPanes([feature]);
  const table = commandTable([feature], {});
  const frame = renderToString(
    <StoreContext value={store}>
      <App loaded={loaded} context={undefined} views={() => []} table={() => table} />
    </StoreContext>,
    { columns },
  );
  return frame.split('\n');
}

describe.each(all)('%s', (noun, feature) => {
  test('is listed under its own noun', () => {
    expect(feature.noun).toBe(noun);
    expect(feature.summary).not.toBe('');
  });

  test('where there is nothing of it, it names its index and a command that makes the first', () => {
    const { nothing, commands } = feature;
    if (!nothing) {
      expect(noun).toBe('shards');
      return;
    }
    const [program, own, verb] = nothing.first.split(' ');
    expect([program, own]).toEqual(['quarterdeck', noun]);
    const command = commands.find((one) => one.verb === verb);
    expect(command?.writes).toBe(true);
    for (const [flag] of nothing.first.matchAll(/(?<=--)[a-z]+/g))
      expect(command?.flags).toHaveProperty(flag);
    expect(nothing.looked).toContain(`quarterdeck:${noun}`);
  });

  test.each([
    [40, 10],
    [80, 24],
    [120, 40],
    [400, 100],
  ])('paints before data, within %ix%i', async (columns, rows) => {
    const lines = await paint(feature, columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
    const text = lines.join('\n');
    expect(text).toContain(noun);
    expect(text).toContain('waiting');
    expect(text).not.toContain('This pane failed');
    // The frame is closed all around: nothing of the pane pushed it out of place.
    if (rows >= 16) {
      for (const line of lines.slice(3, -2)) expect(line).toMatch(/^┃.*┃$/);
    }
  });

  test.each([
    [40, 10],
    [120, 40],
  ])('says that it failed, and how, at %ix%i', async (columns, rows) => {
    const lines = await paint(feature, columns, rows, {
      freshness: { [noun]: { name: 'failed', error: 'NOPERM no permission' } },
    });
    expect(lines.join('\n')).toContain('failed');
    if (columns > 40) expect(lines.join('\n')).toContain('NOPERM no permission');
  });

  test('its slice survives JSON', () => {
    const slice = feature.initial(config);
    expect(JSON.parse(JSON.stringify(slice))).toEqual(slice);
  });

  test('its keys do not clash, with each other or with those of every pane', () => {
    const keys = feature.keys.flatMap(({ key }) => keyList(key));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(keys.filter((key) => globalKey(key) !== undefined || sessionKey(key))).toEqual([]);
    // But in chat, where Enter writes, nothing stands in for a key of every list.
    const taken = keys.filter((key) => listKey(key) !== undefined);
    expect(taken).toEqual(noun === 'chat' ? ['enter'] : []);
    for (const key of keys)
      expect(keyLabel(key)).toMatch(
        /^(.|↑|↓|←|→|Space|Enter|PgUp|PgDn|Home|End|Del|Bksp|\^[A-Z]|Alt-.|Ctrl-.+|Shift-.+)$/u,
      );
  });

  test('every key says what it does, and does something', () => {
    const verbs = feature.commands.map(({ verb }) => verb);
    for (const { key, help, verb, change, ask } of feature.keys) {
      expect(help, String(key)).not.toBe('');
      expect(verb ?? change ?? ask, `${key} does nothing`).toBeDefined();
      if (verb !== undefined) expect(verbs).toContain(verb);
    }
  });

  test('its list tells rows apart, and its fields have values that can be compared', () => {
    const { list } = feature;
    for (const row of list.rows(feature.initial(config))) expect(list.id(row)).not.toBe('');
    expect(Object.keys(list.fields).length).toBeGreaterThan(0);
  });

  test('every command has help, down to its words and flags', () => {
    const verbs = feature.commands.map(({ verb }) => verb);
    expect(new Set(verbs).size).toBe(verbs.length);
    for (const { verb, summary, words, flags } of feature.commands) {
      expect(summary, verb).not.toBe('');
      for (const [name, parameter] of Object.entries({ ...words, ...flags })) {
        expect(parameter.summary, `${verb} ${name}`).not.toBe('');
        if (parameter.kind !== 'switch') expect(parameter.label, `${verb} ${name}`).not.toBe('');
      }
      const kinds = Object.values(words).map(({ kind }) => kind);
      expect(kinds.slice(0, -1), `${verb}: a list comes last`).not.toContain('list');
    }
  });
});

const luaFiles = globSync('source/**/*.lua');
const scripts = luaFiles.filter((file) => readFileSync(file, 'utf8').startsWith('#!lua'));
/** What scripts share, by `-- @include`. */
const parts = luaFiles.filter((file) => !scripts.includes(file));

test.each(parts)('%s is a part of a script, and takes what it needs as parameters', (file) => {
  const text = readFileSync(file, 'utf8');
  expect(text, 'says what it is').toMatch(/^-- \S/);
  expect(text.replaceAll(/--.*$/gm, '')).not.toMatch(/\b(KEYS|ARGV)\b/);
  expect(
    scripts.some((script) => readLua(script).files.includes(path.resolve(file))),
    'no script includes it',
  ).toBe(true);
});

describe.each(scripts)('%s', (file) => {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const header = lines.slice(
    1,
    lines.findIndex((line, index) => index > 0 && !line.startsWith('--')),
  );
  const code = lines
    .slice(header.length + 1)
    .map((line) => line.replace(/--.*$/, ''))
    .join('\n');

  test('says what it needs from the server', () => {
    expect(lines[0]).toMatch(/^#!lua( flags=[a-z,-]+)?$/);
  });

  test('lists its reply', () => {
    expect(header.join('\n')).toMatch(/^-- Reply: \S/m);
  });

  test.each(['KEYS', 'ARGV'])('lists every %s it uses, and uses every one it lists', (table) => {
    const listed = header.flatMap((line) => {
      const [, first, rest] = new RegExp(`^-- ${table}\\[(\\d+)(\\.{2,3})?\\] `).exec(line) ?? [];
      return first === undefined ? [] : [{ first: Number(first), isOpen: rest !== undefined }];
    });
    const used = Array.from(code.matchAll(new RegExp(`\\b${table}\\[(\\d+)\\]`, 'g')), ([, index]) =>
      Number(index),
    );
    // Loops and unpack reach what no number names.
    const isReached = new RegExp(
      `\\b${table}\\[[^\\d]|#${table}\\b|\\(${table}\\b|, ${table}\\b|= ${table}\\b`,
    ).test(code);

    expect(listed.map(({ first }) => first)).toEqual(listed.map((_, index) => index + 1));
    for (const index of used) {
      const isListed = listed.some(({ first, isOpen }) => first === index || (isOpen && index > first));
      expect(isListed, `${table}[${index}] is used and not listed`).toBe(true);
    }
    for (const { first } of listed) {
      expect(isReached || used.includes(first), `${table}[${first}] is listed and not used`).toBe(true);
    }
  });
});
