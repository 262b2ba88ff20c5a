import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What runs while the calamity comes. */
export type LongRun = {
  readonly name: string;
  readonly words: readonly string[];
  /** It gets a line of stdin five times a second. */
  readonly isFed?: true;
  /** It only reads: a server that takes no writes is no calamity for it. */
  readonly reads?: true;
  /** It writes only of what comes: where nothing does, nothing is refused to it. */
  readonly writesWhatComes?: true;
  /** It decides for itself when it ends. */
  readonly isOwn?: true;
};

/** What is begun in the middle of it, once. */
export type OneShot = {
  readonly words: readonly string[];
  readonly stdin?: string;
  readonly reads?: true;
  /** It has no end of its own: what is still there when every other would have ended is stopped by SIGTERM. */
  readonly runsOn?: true;
};

export type Folders = Readonly<Record<'base' | 'target' | 'logs' | 'out' | 'database', string>>;

export function makeFolders(root: string): Folders {
  const inRoot = (name: string): string => path.join(root, name);
  const folders = {
    base: inRoot('base'),
    target: inRoot('target'),
    logs: inRoot('logs'),
    out: inRoot('out'),
    database: inRoot('a.db'),
  };
  mkdirSync(folders.base);
  mkdirSync(folders.logs);
  writeFileSync(path.join(folders.base, 'a'), '0\n');
  writeFileSync(path.join(folders.logs, 'a.log'), '0\n');
  const database = new DatabaseSync(folders.database);
  database.exec('CREATE TABLE views (id TEXT PRIMARY KEY, count BIGINT NOT NULL DEFAULT 0)');
  database.close();
  return folders;
}

/** Files grow while everything runs. */
export function grow({ base, logs }: Folders, turn: number): void {
  appendFileSync(path.join(base, 'a'), `${turn}\n`);
  appendFileSync(path.join(logs, 'a.log'), `${turn}\n`);
}

export const setUp: readonly (readonly string[])[] = [
  ['chat', 'create', 'room', '--members', 'ann,bob'],
  ['lock', 'acquire', 'busy', '--ttl', '1h'],
  ['limit', 'hit', 'old', '--max', '5', '--per', '1h'],
  ['topic', 'publish', 'done', 'one'],
  ['topic', 'subscribe', 'done', '--as', 'gone', '--until-caught-up'],
];

export function longRuns({ base, target, logs, out, database }: Folders): readonly LongRun[] {
  return [
    { name: 'topic publish -', words: ['topic', 'publish', 'news', '-'], isFed: true },
    { name: 'chat send -', words: ['chat', 'send', 'room', '-', '--as', 'ann'], isFed: true },
    { name: 'log write', words: ['log', 'write', 'app', '--raw'], isFed: true },
    { name: 'hits add -', words: ['hits', 'add', 'web', '-'], isFed: true },
    { name: 'buffer incr -', words: ['buffer', 'incr', 'views', '-'], isFed: true },
    { name: 'topic subscribe', words: ['topic', 'subscribe', 'news', '--as', 'one'] },
    { name: 'chat tail', words: ['chat', 'tail', 'room', '--as', 'bob'], writesWhatComes: true },
    {
      name: 'buffer flush',
      words: ['buffer', 'flush', 'views', '--to', `sqlite:${database}`, '--every', '300ms'],
    },
    { name: 'sync run', words: ['sync', 'run', base, target, '--channel', 'files', '--every', '300ms'] },
    { name: 'sync watch', words: ['sync', 'watch', base, '--channel', 'files'] },
    {
      name: 'ship run',
      words: ['ship', 'run', logs, '--follow', '--channel', 'logs:', '--consumers', '1'],
    },
    {
      name: 'ship consume',
      words: ['ship', 'consume', 'logs:', '--as', '0', '--out', out],
      writesWhatComes: true,
    },
    { name: 'lock run', words: ['lock', 'run', 'job', '--', 'sleep', '90'], isOwn: true },
    { name: 'lock run, waiting', words: ['lock', 'run', 'busy', '--wait', '90s', '--', 'true'] },
    { name: 'watch', words: ['watch', '--json'], reads: true },
    {
      name: 'metrics --listen',
      words: ['metrics', '--listen', '127.0.0.1:0', '--every', '500ms'],
      isOwn: true,
      reads: true,
    },
  ];
}

export function oneShots({ base, target, logs, database }: Folders): readonly OneShot[] {
  return [
    { words: ['ping'], reads: true },
    { words: ['snapshot', '--json'], reads: true },
    { words: ['doctor', '--json'], reads: true },
    { words: ['needs', '--json'], reads: true },
    { words: ['metrics'], reads: true },
    { words: ['buffer', 'incr', 'other', '42'] },
    { words: ['buffer', 'flush', 'views', '--to', `sqlite:${database}`] },
    { words: ['buffer', 'pending'], reads: true },
    { words: ['chat', 'create', 'fresh', '--members', 'ann'] },
    { words: ['chat', 'join', 'room', '--as', 'eve'] },
    { words: ['chat', 'send', 'room', 'once', '--as', 'ann'] },
    { words: ['chat', 'read', 'room', '--as', 'ann'] },
    { words: ['chat', 'mark', 'room', '1', '--as', 'ann'] },
    { words: ['chat', 'leave', 'room', '--as', 'bob', '--yes'] },
    { words: ['chat', 'list'], reads: true },
    { words: ['hits', 'add', 'other', '3'] },
    { words: ['hits', 'add', '-'], stdin: 'one\t3\ntwo\t4\n' },
    { words: ['hits', 'list'], reads: true },
    { words: ['limit', 'hit', 'key', '--max', '5', '--per', '1m'] },
    { words: ['limit', 'reset', 'old', '--yes'] },
    { words: ['limit', 'list'], reads: true },
    { words: ['lock', 'acquire', 'new', '--ttl', '1m'] },
    { words: ['lock', 'acquire', 'busy', '--wait', '20s'] },
    { words: ['lock', 'run', 'new2', '--wait', '20s', '--', 'true'] },
    { words: ['lock', 'break', 'busy', '--yes'] },
    { words: ['lock', 'list'], reads: true },
    { words: ['log', 'write', 'other', 'one message'] },
    { words: ['log', 'list'], reads: true },
    { words: ['ship', 'run', logs, '--channel', 'other:', '--consumers', '1'] },
    // A channel that is not there yet is waited for: no failure, where only what takes memory is refused.
    { words: ['ship', 'consume', 'other:', '--as', '0'], runsOn: true },
    { words: ['ship', 'status'], reads: true },
    { words: ['sync', 'notify', 'a', '--base', base] },
    { words: ['sync', 'run', base, `${target}2`], runsOn: true },
    { words: ['sync', 'status'], reads: true },
    { words: ['topic', 'publish', 'other', 'once'] },
    { words: ['topic', 'subscribe', 'done', '--as', 'new', '--until-caught-up'] },
    { words: ['topic', 'drop', 'done', 'gone', '--yes'] },
    { words: ['topic', 'status'], reads: true },
  ];
}

type Json = never;

/** How to count what each fed command has in Redis: words, and where in their JSON. */
export const stored: Readonly<
  Record<string, readonly [words: readonly string[], count: (json: Json) => number]>
> = {
  'topic publish -': [['topic', 'status', 'news'], ([row]: [{ lastId: number }?]) => row?.lastId ?? 0],
  'chat send -': [['chat', 'list'], ([row]: [{ lastId: number }?]) => row?.lastId ?? 0],
  'log write': [
    ['log', 'common', 'app', '--top', '10000'],
    ({ entries }: { entries: { count: number; previous: number }[] }) =>
      entries.reduce((sum, { count, previous }) => sum + count + previous, 0),
  ],
  'hits add -': [['hits', 'sum', 'web', '--since', '1h'], ({ sum }: { sum: number }) => sum],
};

export function flushed({ database }: Folders): number {
  const opened = new DatabaseSync(database);
  const row = opened.prepare('SELECT coalesce(sum(count), 0) AS sum FROM views').get() as { sum: number };
  opened.close();
  return row.sum;
}

export function isSame(one: string, other: string): boolean {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}
