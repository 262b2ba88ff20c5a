import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { auditFolder, beginAct, readAudit } from '../../source/commands/audit-trail.ts';
import { readConfig } from '../../source/config.ts';
import { openConsoleLog } from '../../source/console/console-log.ts';
import { keepMemory, recall } from '../../source/console/memory.ts';
import { openHistory } from '../../source/console/session/history.ts';
import { startRecorder } from '../../source/console/time/recorder.ts';
import { openSpool } from '../../source/features/ship/consumer/spool.ts';
import { defaultFile, writeFrame } from '../../source/frames/frame-file.ts';
import { FolderError, ownFolder } from '../../source/own-folders.ts';
import { changeSlice, makeStore } from '../../source/store/store.ts';
import { type CliOptions, finished, kill, run, start } from '../helpers/cli.ts';
import { makeFeature, type Notes } from '../helpers/feature.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * What a second user of this machine tries on every folder of ours: to make it first, to put a link in its place, to read
 * what we wrote, to replace it. Being somebody else takes root: without it the suite says that it was skipped.
 */

const isRoot = process.getuid?.() === 0;
const them = 65_534;
const server = await redisForThisFile();

let top: string;
const at = (...names: string[]): string => path.join(top, ...names);

beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), 'quarterdeck-second-user-'));
  // Like /tmp: everybody may make things in it, nobody may take away what is another's.
  chmodSync(top, 0o1777);
});
const tops = new Set<string>();
afterAll(() => {
  for (const one of tops) rmSync(one, { recursive: true, force: true });
});

/** Runs a shell line as the second user; whether it could. */
function theirs(line: string): { readonly done: boolean; readonly printed: string } {
  tops.add(top);
  const { status, stdout } = spawnSync('/bin/sh', ['-c', line], {
    cwd: top,
    uid: them,
    gid: them,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { done: status === 0, printed: stdout };
}

const config = () =>
  readConfig({}, { USER: 'tester', HOME: top, XDG_STATE_HOME: at('state'), QUARTERDECK_URL: server.url });

const options = (env: Readonly<Record<string, string>> = {}): CliOptions => ({
  url: server.url,
  env: {
    HOME: top,
    XDG_STATE_HOME: at('state'),
    XDG_CACHE_HOME: at('cache'),
    XDG_CONFIG_HOME: at('config'),
    ...env,
  },
});

type Place = {
  /** Below the shared folder: the folder that is ours, and one above it that they may make first. */
  readonly folder: string;
  /** What uses it: gives what it said where it refuses. */
  use(): Promise<string> | string;
  /** A file in it after it was used. */
  readonly file?: string;
};

const said = (act: () => unknown): string => {
  try {
    return String(act() ?? '');
  } catch (error) {
    expect(error).toBeInstanceOf(FolderError);
    return String(error);
  }
};

/** Notes an act in the trail; gives what it said where it refuses. */
function audited(): string {
  const act = { operator: 'tester', server: 'here', context: undefined, production: false };
  try {
    beginAct(config().stateDirectory, { ...act, command: 'chat leave', input: {}, question: undefined });
    return '';
  } catch (error) {
    return String(error);
  }
}

/** What each module that makes a folder of ours, or opens a file in one, is called below; a new one has to be added. */
const users: Readonly<Record<string, readonly string[]>> = {
  'cli/complete-names.ts': ['private server'],
  'commands/audit-trail.ts': ['audit trail', 'the audit trail'],
  'console/console-log.ts': ['the file of --log'],
  'console/memory.ts': ['what the console remembers'],
  'console/session/history.ts': ['history', 'the history'],
  'features/ship/consumer/consume.ts': ['spool'],
  'frames/frame-file.ts': ['exports'],
  'redis/embedded.ts': ['private server'],
};

const places: Readonly<Record<string, Place>> = {
  'compile cache': {
    folder: 'cache/quarterdeck/compiled',
    // Nothing is kept then, and that is no reason to stop.
    use: async () => (await run(['config'], options())).stderr,
  },
  'private server': {
    folder: 'state/quarterdeck/embedded',
    file: 'redis.log',
    async use() {
      const { stderr, code } = await run(['ping', '--embedded', '--timeout', '10s'], {
        ...options(),
        url: undefined as never,
      });
      return code === 0 ? '' : stderr;
    },
  },
  spool: {
    folder: 'state/quarterdeck/spool',
    file: 'pieces',
    async use() {
      const folder = said(() => ownFolder(at('state/quarterdeck/spool')));
      if (folder.startsWith('Quarterdeck') || folder.includes('Cannot use')) return folder;
      const spool = await openSpool(path.join(folder, 'pieces'));
      await spool.put(
        (async function* () {
          yield Buffer.from('content');
        })(),
        0,
      );
      await spool.close();
      return '';
    },
  },
  history: {
    folder: 'state/quarterdeck',
    file: 'history',
    use: () => openHistory(config().stateDirectory, 'here').add('chat list') ?? '',
  },
  'audit trail': {
    folder: 'state/quarterdeck/audit',
    file: `${new Date().toISOString().slice(0, 7)}.ndjson`,
    use: () => audited(),
  },
  exports: {
    folder: 'state/quarterdeck/frames',
    use: () => {
      const content = { server: 'here', pane: undefined, at: Date.now() } as never;
      const file = said(() => defaultFile(config().stateDirectory, 'text', content));
      if (file.includes('Cannot use')) return file;
      writeFrame(file, 'content');
      return '';
    },
  },
};

/** What they put where a file of ours is to be; returns what ends it. */
const attempts: Readonly<Record<string, (file: string) => Promise<(() => void) | undefined>>> = {
  'a file of theirs': async (file) => planted(`echo theirs > ${file}; chmod 666 ${file}`),
  'a link of theirs to a file of ours': async (file) => planted(`ln -s ${at('ours')} ${file}`),
  'a link of theirs to nothing': async (file) => planted(`ln -s ${at('planted')} ${file}`),
  'a pipe of theirs': async (file) => planted(`mkfifo -m 666 ${file}`),
  async 'a pipe that they read'(file) {
    planted(`mkfifo -m 666 ${file}`);
    const reader = spawn('cat', [file], { uid: them, gid: them, stdio: 'ignore' });
    await once(reader, 'spawn');
    return () => void reader.kill('SIGKILL');
  },
  // The kernel lets them do that where it does not protect hard links.
  'another name of a file of ours': async (file) => {
    linkSync(at('ours'), file);
    return undefined;
  },
  'a folder of theirs': async (file) => planted(`mkdir -m 777 ${file}`),
};

function planted(line: string): undefined {
  expect({ line, done: theirs(line).done }).toEqual({ line, done: true });
}

type FilePlace = {
  readonly folder: string;
  readonly name: string;
  /** Gives what it said where it refuses, else '' once something was written. */
  use(file: string): Promise<string> | string;
};

const failed = async (act: () => unknown): Promise<string> => {
  try {
    await act();
    return '';
  } catch (error) {
    return String(error);
  }
};

const slices = { notes: makeFeature().initial(readConfig({}, { USER: 'tester', HOME: '/nonexistent' })) };
const storeOf = () =>
  makeStore({
    slices,
    focus: 'notes',
    columns: 80,
    rows: 24,
    connection: { name: 'live', sinceMs: 1, attempt: 1, url: 'redis://here', kind: 'standalone' },
  });

const files: Readonly<Record<string, FilePlace>> = {
  'the file of --log': {
    folder: '.',
    name: 'console.log',
    use: (file) =>
      failed(() => {
        const log = openConsoleLog(file, config(), () => {});
        log.write({ event: 'end', exitCode: 0 });
        log.close();
      }),
  },
  'a recording': {
    folder: '.',
    name: 'console.rec',
    use: (file) =>
      failed(() =>
        startRecorder(file, { state: storeOf().getState(), context: undefined, onFailure() {} }).end(),
      ),
  },
  'a saved frame': { folder: '.', name: 'frame.txt', use: (file) => failed(() => writeFrame(file, 'frame')) },
  'a piece in the spool': {
    folder: 'state/quarterdeck/spool',
    name: 'piece',
    use: (file) => failed(async () => (await openSpool(file)).close()),
  },
  'the history': {
    folder: 'state/quarterdeck',
    name: 'history',
    use: () => openHistory(config().stateDirectory, 'here').add('chat list') ?? '',
  },
  'the audit trail': {
    folder: 'state/quarterdeck/audit',
    name: `${new Date().toISOString().slice(0, 7)}.ndjson`,
    use: () => audited(),
  },
  'what the console remembers': {
    folder: 'state/quarterdeck',
    name: 'console.json',
    use() {
      let refusal = '';
      const store = storeOf();
      const stop = keepMemory(
        {
          store,
          features: [makeFeature()],
          config: config(),
          saved: () => [],
          onFailure: (text) => {
            refusal = text;
          },
        },
        recall(config(), ['notes']),
      );
      changeSlice(store, 'notes', (slice) => ({
        ...(slice as Notes),
        list: { ...(slice as Notes).list, order: { field: 'name', isDescending: true } },
      }));
      stop();
      return refusal;
    },
  },
};

test('every folder and file of ours is among those that are tried', () => {
  const source = path.resolve('source');
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /\.tsx?$/.test(file) &&
      !/^(own-folders|private-files)\.ts$/.test(file) &&
      /\b(ownFolder|openOwnFile)\(/.test(readFileSync(path.join(source, file), 'utf8')),
  );
  expect(found.sort()).toEqual(Object.keys(users));
  const tried = [...Object.keys(places), ...Object.keys(files)];
  for (const name of Object.values(users).flat()) expect(tried).toContain(name);
});

describe.runIf(isRoot)('a second user of this machine', () => {
  describe.each(Object.entries(places))('%s', (name, { folder, use, file }) => {
    const isCache = name === 'compile cache';

    test('made first by them: nothing is written there, and the reason is given', async () => {
      expect(theirs(`mkdir -p ${path.dirname(folder)} && mkdir -m 777 ${folder}`).done).toBe(true);
      const reason = await use();
      if (!isCache) expect(reason).toMatch(/Cannot use the folder .*: it belongs to user 65534, not to you/);
      expect(readdirSync(at(folder))).toEqual([]);
    });

    test('a link of theirs in its place: nothing is written behind it', async () => {
      theirs(`mkdir -m 777 trap && mkdir -p ${path.dirname(folder)} && ln -s ${at('trap')} ${folder}`);
      const reason = await use();
      if (!isCache) expect(reason).toMatch(/Cannot use the folder .*: it (is a link|belongs to user 65534)/);
      expect(readdirSync(at('trap'))).toEqual([]);
    });

    test('a folder above it is theirs: the reason is given', async () => {
      const [above = ''] = folder.split('/');
      theirs(`mkdir -m 777 ${above}`);
      const reason = await use();
      if (!isCache) expect(reason).toMatch(/Cannot use the folder .* above it belongs to user 65534/);
    });

    test('ours: they can neither look into it, nor read, replace or remove what lies there', async () => {
      expect(await use()).toBe('');
      expect(statSync(at(folder)).mode & 0o777).toBe(0o700);
      if (file !== undefined) expect(existsSync(at(folder, file))).toBe(true);
      const [above = ''] = folder.split('/');
      for (const line of [
        `ls ${folder}`,
        `cat ${folder}/${file ?? '*'}`,
        `touch ${folder}/planted`,
        `ln -s /etc/passwd ${folder}/planted`,
        `mv ${folder} aside`,
        `mv ${above} aside`,
        `rm -r ${folder}`,
      ])
        expect({ line, done: theirs(line).done }).toEqual({ line, done: false });
    });
  });

  describe.each(Object.entries(files))('%s', (_, { folder, name, use }) => {
    test.each(Object.entries(attempts))('%s', async (_attempt, attempt) => {
      mkdirSync(at(folder), { recursive: true });
      // Where the folder is our own: planted while it was open to them.
      chmodSync(at(folder), 0o1777);
      writeFileSync(at('ours'), 'ours', { mode: 0o600 });
      const file = at(folder, name);
      const end = await attempt(file);
      if (folder !== '.') {
        for (let one = folder; one !== '.'; one = path.dirname(one)) chmodSync(at(one), 0o700);
      }
      const refusal = await use(file);
      await end?.();
      if (refusal === '') {
        const { uid, mode, nlink } = lstatSync(file);
        const isFile = lstatSync(file).isFile();
        expect({ isFile, uid, mode: mode & 0o777, nlink }).toEqual({
          isFile: true,
          uid: 0,
          mode: 0o600,
          nlink: 1,
        });
      } else {
        expect(refusal).toMatch(
          /it is a link|exists already|belongs to user 65534|no (regular )?file|2 names lead to it|EISDIR|is a directory/,
        );
      }
      expect(readFileSync(at('ours'), 'utf8')).toBe('ours');
      expect(existsSync(at('planted'))).toBe(false);
      expect(theirs('cat ours').done).toBe(false);
    });
  });

  test('a link on the way to a folder of ours is not followed, and nothing is made behind it', async () => {
    mkdirSync(at('elsewhere'), { mode: 0o700 });
    theirs(`ln -s ${at('elsewhere')} state; ln -s ${at('elsewhere')} cache`);
    const reason = /above it belongs to user 65534, and is a link/;
    expect(said(() => ownFolder(at('state/quarterdeck/spool')))).toMatch(reason);
    mkdirSync(at('elsewhere/quarterdeck'), { mode: 0o700 });
    // There already, and ours: but they may lead the link elsewhere once it was looked at.
    expect(said(() => ownFolder(at('state/quarterdeck')))).toMatch(reason);
    expect((await run(['config'], options())).code).toBe(0);
    expect(readdirSync(at('elsewhere/quarterdeck'))).toEqual([]);
  });

  test('the socket of a private server takes no connection of theirs', async () => {
    const child = start(['lock', 'run', 'x', '--embedded', '--', 'sleep', '20'], {
      ...options(),
      url: undefined as never,
    });
    const socket = at('state/quarterdeck/embedded/redis.sock');
    await expect.poll(() => existsSync(socket)).toBe(true);
    expect(theirs(`redis-cli -s ${socket} ping`).printed).not.toContain('PONG');
    // In order, so that the server ends with it.
    const ended = finished(child);
    child.kill('SIGTERM');
    await ended;
  });

  test('a history and views that they left are not offered as ours', async () => {
    const line = JSON.stringify({ at: Date.now(), server: 'here', line: 'lock break deploy --yes' });
    theirs(`mkdir -p state && mkdir -m 777 state/quarterdeck && echo '${line}' > state/quarterdeck/history`);
    expect(openHistory(config().stateDirectory, 'here').lines()).toEqual([]);
    const views = {
      servers: {
        [server.url]: { view: undefined, views: [], orders: { lock: { field: 'name', up: true } }, atMs: 1 },
      },
    };
    theirs(`echo '${JSON.stringify(views)}' > state/quarterdeck/console.json`);
    expect(recall(config(), ['lock']).orders).toEqual({});
  });

  test('a trail that they left is not shown as what was done here', () => {
    theirs(
      'mkdir -p state && mkdir -p -m 777 state/quarterdeck/audit && echo "{}" > state/quarterdeck/audit/2026-11.ndjson',
    );
    const { acts, unread } = readAudit(config().stateDirectory);
    expect(acts).toEqual([]);
    expect(unread.join()).toContain(auditFolder(config().stateDirectory));
  });

  test('whatever was written, no folder and no file below the state directory is open to them', async () => {
    for (const place of Object.values(places)) expect(await place.use()).toBe('');
    expect(config().stateDirectory).toBe(at('state/quarterdeck'));
    const all = readdirSync(at('state'), { recursive: true, encoding: 'utf8' }).map((name) =>
      at('state', name),
    );
    expect(all.length).toBeGreaterThan(5);
    for (const one of all) {
      const { mode } = lstatSync(one);
      expect({ one, open: (mode & 0o077).toString(8) }).toEqual({ one, open: '0' });
    }
  });

  test('a config file of theirs is not read unless it is named', async () => {
    const settings = JSON.stringify({ passwordCommand: `touch ${at('ran')}` });
    theirs(`mkdir -p config/quarterdeck && echo '${settings}' > config/quarterdeck/config.json`);
    const { code, stderr } = await run(['ping'], options());
    expect(code).toBe(2);
    expect(stderr).toMatch(/config file .* is not read: .* belongs to user 65534, not to you/);
    expect(existsSync(at('ran'))).toBe(false);
  });

  test('a file that they made, or a link, where something is saved stays as it is', async () => {
    theirs('echo theirs > frame.svg; ln -s /etc/quarterdeck-planted link.svg');
    for (const file of ['frame.svg', 'link.svg']) {
      const { code, stderr } = await run(['snapshot', '--save', at(file)], options());
      expect(code).toBe(4);
      expect(stderr).toContain('it exists already');
    }
    expect(existsSync('/etc/quarterdeck-planted')).toBe(false);
    expect((await run(['snapshot', '--save', at('new.svg')], options())).code).toBe(0);
    expect(theirs('cat new.svg').done).toBe(false);
  });

  test('a link beside a textfile of metrics is not followed', async () => {
    writeFileSync(at('ours'), 'ours');
    mkdirSync(at('metrics'));
    const child = start(['metrics', '--textfile', at('metrics', 'qd.prom'), '--every', '1s'], options());
    await expect.poll(() => existsSync(at('metrics', 'qd.prom'))).toBe(true);
    await kill(child);
    expect(theirs('ln -sf /etc/passwd metrics/qd.prom').done).toBe(false);
  });

  test('the folder of the demo is closed to them', async () => {
    const child = start(['demo', at('nothing')], options({ TMPDIR: top }));
    const found = () => readdirSync(top).find((name) => name.startsWith('quarterdeck-demo-'));
    await expect.poll(found).toBeDefined();
    expect(theirs(`ls ${found()}`).done).toBe(false);
    expect(theirs(`mv ${found()} aside`).done).toBe(false);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  });
});
