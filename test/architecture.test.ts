import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

// Who may import whom. Everything that is not allowed here fails, however the path is spelled.

type Room = {
  /** The files of this room; the first room that matches a file is its own. */
  readonly files: RegExp;
  /** What they may import when they run; a room may always import itself. */
  readonly may: readonly RegExp[];
  /** What they may import besides, with `import type` only. */
  readonly mayTypes?: readonly RegExp[];
  /** Nothing they import of their own feature may lead to Redis when it runs, by however many steps. */
  readonly isPure?: true;
};

const root = /^source\/[^/]+\.tsx?$/;
const redis = /^source\/redis\//;
const system = /^source\/system\//;
const store = /^source\/store\//;
const ui = /^source\/ui\//;
/** Text, numbers and widths: what of `ui/` needs no Ink. */
const uiText = /^source\/ui\/(theme\/)?[^/]+\.ts$/;
const contract = /^source\/features\/(feature|parameters|printed)\.ts$/;
const featureList = /^source\/features\/index\.ts$/;
const commands = /^source\/commands\//;
/** Frames outside of the console: text, pictures, recordings. */
const frames = /^source\/frames\//;
/** Node's own modules and the libraries that neither paint nor reach Redis. */
const plain = /^(node:|valibot$)/;
const screen = /^(ink|react|ink-table)$/;

/** Of another feature, what its `library.ts` is or names. */
const primitives = primitiveFiles();

const rooms: readonly Room[] = [
  { files: /^cli\.tsx$/, may: [root, /^source\/(cli|console|redis)\//, uiText, plain] },
  {
    files: /^source\/index\.ts$/,
    may: [/^source\/features\/\w+\/library\.ts$/, /^source\/redis\/(server\/support|errors)\.ts$/, root],
  },
  { files: /^source\/[^/]+\.ts$/, may: [root, plain] },
  { files: /^source\/system\//, may: [system, root, plain] },
  { files: redis, may: [redis, root, plain, /^(ioredis|cluster-key-slot)$/] },
  { files: store, may: [store, root, plain, /^(zustand|zustand\/vanilla|react)$/], mayTypes: [redis] },
  { files: ui, may: [ui, root, plain, screen, /^get-east-asian-width$/] },
  { files: frames, may: [frames, uiText, root, plain] },
  { files: contract, may: [contract, root, plain], mayTypes: [redis, ui, /^react$/] },
  { files: featureList, may: [/^source\/features\/(\w+\/index|feature)\.ts$/] },
  {
    files: /^source\/features\/\w+\/[\w-]+-pane\.tsx$/,
    may: [own('.*'), ui, root, screen],
    mayTypes: [contract],
    isPure: true,
  },
  {
    files: /^source\/features\/\w+\/state\.ts$/,
    may: [own('.*'), uiText, root, plain],
    mayTypes: [contract],
    isPure: true,
  },
  {
    files: /^source\/features\/\w+\//,
    may: [
      own('.*'),
      contract,
      system,
      redis,
      uiText,
      root,
      primitives,
      plain,
      /^(ioredis|pg|cluster-key-slot|@parcel\/watcher)$/,
    ],
    mayTypes: [store, ui],
  },
  {
    files: commands,
    may: [commands, contract, featureList, frames, redis, uiText, root, plain, /^meow$/],
    mayTypes: [store, /^ioredis$/],
  },
  {
    files: /^source\/cli\//,
    may: [
      /^source\/cli\//,
      commands,
      contract,
      featureList,
      redis,
      uiText,
      root,
      plain,
      /^source\/demo\/demo\.ts$/,
      // What paints is one file, for those that open the console.
      /^source\/console\/painted\.ts$/,
    ],
  },
  {
    files: /^source\/console\/view\//,
    may: [
      /^source\/console\/(view|input)\//,
      commands,
      contract,
      featureList,
      store,
      ui,
      root,
      plain,
      screen,
    ],
    mayTypes: [redis],
  },
  {
    files: /^source\/console\//,
    may: [
      /^source\/console\//,
      commands,
      contract,
      featureList,
      frames,
      redis,
      store,
      ui,
      root,
      plain,
      screen,
    ],
  },
  {
    files: /^source\/demo\//,
    may: [
      /^source\/demo\//,
      /^source\/console\/painted\.ts$/,
      commands,
      contract,
      redis,
      uiText,
      system,
      root,
      plain,
    ],
  },
];

/** A path within the importing file's own feature. */
function own(rest: string): RegExp {
  return new RegExp(`^source/features/<own>/${rest}$`);
}

function primitiveFiles(): RegExp {
  const libraries = globSync('source/features/*/library.ts');
  const named = libraries.flatMap((file) =>
    importsOf(file, readFileSync(file, 'utf8')).map(({ target }) => target),
  );
  const all = [...libraries, ...named].map((file) => file.replaceAll('.', '\\.'));
  return new RegExp(`^(${all.join('|')})$`);
}

type Import = { readonly target: string; readonly isType: boolean };

/** Every module a file names: static, dynamic, re-exported or for its effects. */
function importsOf(file: string, text: string): readonly Import[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const pattern =
    /\b(import|export)\b(\s+type\b)?(?:[^'"`;()]*?\bfrom\b)?\s*\(?\s*(?:\/\*.*?\*\/)?\s*(['"`])([^'"`\n]+)\3|\brequire(?:\.resolve)?\(\s*(['"`])([^'"`\n]+)\5/g;
  return [...code.matchAll(pattern)].flatMap((match) => {
    const [statement, , type, , specifier, , required] = match;
    const named = specifier ?? required ?? '';
    const isType =
      type !== undefined || /^(import|export)\s*\{(\s*type\s+\w+( as \w+)?\s*,?)+\}/.test(statement);
    return [{ target: resolve(file, named), isType }];
  });
}

/** Any spelling of a path of ours as one: from the top folder, with its real ending. */
function resolve(file: string, named: string): string {
  const own = /^quarterdeck($|\/)/.test(named) ? 'source/index.ts' : undefined;
  if (own) return own;
  const isFile = named.startsWith('.') || named.startsWith('/') || named.startsWith('file:');
  if (!isFile && !named.startsWith('source/')) return named;
  const bare = named.replace(/^file:(\/\/)?/, '').replace(/[?#].*$/, '');
  const joined = bare.startsWith('.')
    ? path.join(path.dirname(file), bare)
    : path.relative(process.cwd(), path.resolve(bare));
  if (existsSync(joined) && /\.\w+$/.test(joined)) return joined;
  const stem = joined.replace(/\.[cm]?jsx?$/, '');
  return (
    [`${stem}.ts`, `${stem}.tsx`, `${stem}/index.ts`, `${stem}/index.tsx`].find((one) => existsSync(one)) ??
    joined
  );
}

/** Whether Redis is loaded with this file. */
function reachesRedis(file: string, seen = new Set<string>()): boolean {
  if (redis.test(file) || file === 'ioredis') return true;
  if (seen.has(file) || !existsSync(file) || file.endsWith('.lua')) return false;
  seen.add(file);
  return importsOf(file, readFileSync(file, 'utf8')).some(
    ({ target, isType }) => !isType && reachesRedis(target, seen),
  );
}

/** What a file may not import, each as a sentence. */
function trespasses(file: string, text: string): readonly string[] {
  const room = rooms.find(({ files }) => files.test(file));
  if (!room) return [`${file} lies in no room: add its folder to test/architecture.test.ts`];
  const noun = /^source\/features\/(\w+)\//.exec(file)?.[1] ?? '-';
  const matches = (target: string) => (rule: RegExp) =>
    new RegExp(rule.source.replace('<own>', noun)).test(target);
  return importsOf(file, text)
    .filter(({ target }) => !target.endsWith('.lua'))
    .filter(({ target, isType }) => {
      const rules = isType ? [...room.may, ...(room.mayTypes ?? [])] : room.may;
      if (!rules.some(matches(target))) return true;
      return room.isPure === true && !isType && reachesRedis(target);
    })
    .map(({ target, isType }) => `${file} may not import ${target}${isType ? ' (type)' : ''}`);
}

const files = ['cli.tsx', ...globSync('source/**/*.{ts,tsx}')].filter((file) => !file.endsWith('.d.ts'));

test.each(files)('%s keeps within its walls', (file) => {
  expect(trespasses(file, readFileSync(file, 'utf8'))).toEqual([]);
});

test('there is no circle of files that import each other when they run', () => {
  const edges = new Map(
    files.map((file) => [
      file,
      importsOf(file, readFileSync(file, 'utf8'))
        .filter(({ isType }) => !isType)
        .map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
    if (done.has(file) || trail.includes(file)) return;
    for (const target of edges.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

describe('a trespass is caught', () => {
  test.each<[what: string, file: string, line: string]>([
    [
      'pane to Redis',
      'source/features/lock/lock-pane.tsx',
      "import { defineScript } from '../../redis/script.ts';",
    ],
    ['pane to ioredis', 'source/features/lock/lock-pane.tsx', "import { Redis } from 'ioredis';"],
    [
      'pane to its primitive at run time',
      'source/features/lock/lock-pane.tsx',
      "import { list } from './inspect.ts';",
    ],
    [
      'state to its primitive at run time',
      'source/features/chat/state.ts',
      "import { send } from './room/send.ts';",
    ],
    ['state to Redis', 'source/features/chat/state.ts', "const redis = await import('../../redis/keys.ts');"],
    ['state to Ink', 'source/features/chat/state.ts', "import { Text } from 'ink';"],
    ["feature to another's state", 'source/features/sync/feed.ts', "import { x } from '../topic/state.ts';"],
    ["feature to another's commands", 'source/features/sync/feed.ts', "import '../topic/commands';"],
    [
      'feature to another by a long way round',
      'source/features/sync/feed.ts',
      "export * from '../../../source/features/topic/feed.js';",
    ],
    [
      'feature to the console',
      'source/features/sync/feed.ts',
      "import { x } from '../../console/engine.ts';",
    ],
    [
      'feature to commands',
      'source/features/sync/feed.ts',
      "import type { AnyCommand } from '../../commands/run-command.ts';",
    ],
    ['feature to React', 'source/features/sync/feed.ts', "import { useState } from 'react';"],
    ['ui to features', 'source/ui/frame.tsx', "import type { Feature } from '../features/feature.ts';"],
    ['ui to Redis', 'source/ui/frame.tsx', "import type { Client } from '../redis/client.ts';"],
    ['redis to ui', 'source/redis/script.ts', "import { sanitise } from '../ui/text.ts';"],
    ['redis to features', 'source/redis/script.ts', "import { features } from '../features/index.ts';"],
    [
      'system to features',
      'source/system/process-group.ts',
      "import { hold } from '../features/lock/lock.ts';",
    ],
    ['store to features', 'source/store/store.ts', "import { features } from '../features/index.ts';"],
    ['commands to Ink', 'source/commands/snapshot.ts', "import { render } from 'ink';"],
    [
      'commands to the console',
      'source/commands/snapshot.ts',
      "const x = await import('../console/print-frame.tsx');",
    ],
    [
      'commands to a painted part of ui',
      'source/commands/doctor.ts',
      "import { Frame } from '../ui/frame.tsx';",
    ],
    ['cli to the console', 'source/cli/batch.ts', "import { runConsole } from '../console/run-console.tsx';"],
    ['console to cli', 'source/console/run-console.tsx', "import { runBatch } from '../cli/batch.ts';"],
    [
      'console to one feature',
      'source/console/engine.ts',
      "import { list } from '../features/lock/inspect.ts';",
    ],
    [
      'view to Redis',
      'source/console/view/app.tsx',
      "import { connect } from '../../redis/connection/connect.ts';",
    ],
    ['demo to a feature', 'source/demo/demo.ts', "import { hold } from '../features/lock/lock.ts';"],
    ['the root to a floor above', 'source/errors.ts', "import { sanitise } from './ui/text.ts';"],
    ['a package nobody agreed on', 'source/redis/keys.ts', "import _ from 'lodash';"],
    ['a require', 'source/ui/frame.tsx', "const x = require('../redis/keys.ts');"],
    ['an absolute path', 'source/ui/frame.tsx', `import x from '${process.cwd()}/source/redis/keys.ts';`],
  ])('%s', (_, file, line) => {
    expect(trespasses(file, line)).toEqual([expect.stringContaining(`${file} may not import`)]);
  });

  test('a file in a folder nobody knows', () => {
    expect(trespasses('source/helpers/x.ts', '')).toEqual([expect.stringContaining('lies in no room')]);
  });
});
