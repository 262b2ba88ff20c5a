import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { recall } from '../../source/console/memory.ts';
import { openHistory } from '../../source/console/session/history.ts';
import { openSpool } from '../../source/features/ship/consumer/spool.ts';
import { defaultFile, writeFrame } from '../../source/frames/frame-file.ts';
import { FolderError, ownFolder } from '../../source/own-folders.ts';
import { type CliOptions, kill, run, start } from '../helpers/cli.ts';
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
      if (!isCache) expect(reason).toMatch(/Cannot use the folder .*: it is a link/);
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

  test('the socket of a private server takes no connection of theirs', async () => {
    const child = start(['lock', 'run', 'x', '--embedded', '--', 'sleep', '20'], {
      ...options(),
      url: undefined as never,
    });
    const socket = at('state/quarterdeck/embedded/redis.sock');
    await expect.poll(() => existsSync(socket)).toBe(true);
    expect(theirs(`redis-cli -s ${socket} ping`).printed).not.toContain('PONG');
    await kill(child);
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
