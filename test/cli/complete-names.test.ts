import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeNames } from '../../source/cli/complete-names.ts';
import { quotedRest, readTyped, typedWords } from '../../source/cli/shell-line.ts';
import { run, start } from '../helpers/cli.ts';
import { payloads, unsafeLines } from '../helpers/injections.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

const server = await redisForThisFile();
const redis = server.client();
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-complete-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Names that a shell would make something else of. */
const odd = [
  'with space',
  "it's",
  'a$(touch x)b',
  'x"y`z',
  '{tag}1',
  'käse',
  '!bang',
  '~home',
  'back\\slash',
  '*?[]',
];
/** What no shell is offered: a terminal would obey or hide it, or the command take it for a flag. */
const never = ['nl\nx', 'esc\u001B[31m', 'c1\u009B31m', 'rtl\u202Ex', '--ttl'];

beforeAll(async () => {
  const { url } = server;
  for (const name of ['deploy:web', 'deploy:api', 'job:10', 'job:2', ...odd, ...never])
    await redis.zadd('quarterdeck:lock', Date.now(), name);
  for (const as of ['audit', 'mail'])
    await run(['topic', 'subscribe', 'orders', '--as', as, '--until-caught-up'], { url });
  await run(['chat', 'create', 'ops', '--members', 'ann,bob'], { url });
  await run(['log', 'write', 'web', 'x'], { url });
  await run(['log', 'write', 'web', 'y', '--severity', 'error'], { url });
  await run(['limit', 'hit', 'key:7f3', '--max', '3', '--per', '1m'], { url });
  await run(['hits', 'add', 'site'], { url });
  await run(['buffer', 'incr', 'project', '3'], { url });
  await redis.zadd('quarterdeck:sync', Date.now(), 'files');
  const source = path.join(folder, 'source.log');
  writeFileSync(source, 'one\n');
  const shipping = start(['ship', 'run', source, '--channel', 'logs:', '--consumers', '2'], { url });
  shipping.stderr?.resume();
  await run(['ship', 'consume', 'logs:', '--as', '0'], { url });
  await run(['ship', 'consume', 'logs:', '--as', '1'], { url });
}, 120_000);

type Asked = {
  readonly shell?: 'bash' | 'zsh' | 'fish';
  readonly env?: NodeJS.ProcessEnv;
  readonly withinMs?: number;
};

/** What is offered behind these words, the last of which is being typed. */
async function offered(
  words: readonly string[],
  { shell = 'zsh', env = {}, withinMs = 30_000 }: Asked = {},
): Promise<readonly string[]> {
  let printed = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      printed += String(chunk);
      done();
    },
  });
  // Bash hands over the line, and what of it is replaced.
  const fields = shell === 'bash' ? words : ['quarterdeck', ...words];
  const stdin = Readable.from([fields.map((word) => `${word}\0`).join('')]);
  const given = { HOME: folder, XDG_CONFIG_HOME: '/nonexistent', QUARTERDECK_URL: server.url, ...env };
  await completeNames(shell, { stdin, stdout }, given, withinMs);
  return printed.split('\n').filter(Boolean);
}

test('each kind of name is found, and those that begin so', async () => {
  expect(await offered(['lock', 'break', 'deploy:'])).toEqual(['deploy:api', 'deploy:web']);
  expect(await offered(['lock', 'run', 'job'])).toEqual(['job:2', 'job:10']);
  expect(await offered(['topic', 'drop', 'o'])).toEqual(['orders']);
  expect(await offered(['topic', 'drop', 'orders', ''])).toEqual(['audit', 'mail']);
  expect(await offered(['topic', 'subscribe', 'orders', '--as', 'ma'])).toEqual(['mail']);
  expect(await offered(['chat', 'read', '--peek', 'o'])).toEqual(['ops']);
  expect(await offered(['chat', 'send', 'ops', '--as='])).toEqual(['ann', 'bob']);
  expect(await offered(['ship', 'forget', ''])).toEqual(['logs:']);
  expect(await offered(['ship', 'forget', 'logs:', ''])).toEqual(['0', '1']);
  expect(await offered(['log', 'common', 'w'])).toEqual(['web']);
  expect(await offered(['limit', 'reset', 'key:'])).toEqual(['key:7f3']);
  expect(await offered(['hits', 'sum', ''])).toEqual(['site']);
  expect(await offered(['buffer', 'flush', 'p'])).toEqual(['project']);
  expect(await offered(['sync', 'run', 'a', 'b', '--channel', ''])).toEqual(['files']);
});

test('what a terminal obeys, hides or takes for a flag is not offered', async () => {
  const names = await offered(['lock', 'break', '']);
  expect(names.toSorted()).toEqual(['deploy:web', 'deploy:api', 'job:10', 'job:2', ...odd].toSorted());
});

test('whatever is a name, what is offered is it or nothing, and one word that runs nothing', async () => {
  const names = payloads.flatMap((payload) => [`odd${payload}z`, `odd$(touch ran)${payload};touch ran`]);
  const all = [
    ...names,
    'odd\tx',
    'odd`touch ran`',
    'odd & touch ran',
    'odd\\',
    "odd'\n",
    'odd"$(touch ran)"',
  ];
  await redis.zadd('quarterdeck:hits', ...all.flatMap((name) => [Date.now(), name]));
  // Read as text it looks like a name that is another one.
  const bytes = Buffer.concat([Buffer.from('odd'), Buffer.from([0xff]), Buffer.from('bytes')]);
  await redis.zadd('quarterdeck:hits', Date.now(), bytes);
  const found = new Set<string>();
  for (const shell of ['zsh', 'fish'] as const) {
    for (const line of await offered(['hits', 'sum', 'odd'], { shell })) {
      expect(unsafeLines(line)).toEqual([]);
      expect(all).toContain(line);
      found.add(line);
    }
  }
  expect(found.size).toBeGreaterThan(10);
  for (const open of ['', "'", '"'] as const) {
    const words = await offered(['odd', `quarterdeck hits sum ${open}odd`], { shell: 'bash' });
    expect(words).toHaveLength(found.size);
    const script = words.map((word) => `printf '%s\\n' ${open}${word}${open}`).join('\n');
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: folder });
    expect(stderr).toBe('');
    const meant = stdout.split('\n').slice(0, -1);
    expect(meant).toHaveLength(words.length);
    for (const name of meant) expect(found).toContain(name);
  }
  expect(existsSync(path.join(folder, 'ran'))).toBe(false);
  await redis.zrem('quarterdeck:hits', bytes, ...all);
});

test('of very many names those that begin so are found, and none where they are too many to pick from', async () => {
  const names = Array.from({ length: 30_000 }, (_, index) => `many:${index}`);
  for (let from = 0; from < names.length; from += 1000)
    await redis.zadd('quarterdeck:hits', ...names.slice(from, from + 1000).flatMap((name) => [1, name]));
  expect(await offered(['hits', 'sum', 'many:2999'])).toHaveLength(11);
  expect(await offered(['hits', 'sum', 'many:'])).toEqual([]);
  expect(await offered(['hits', 'sum', 'many*'])).toEqual([]);
  await redis.zrem('quarterdeck:hits', ...names);
});

test('nothing is offered for a word that is none, and never a token', async () => {
  const { stdout } = await run(['lock', 'acquire', 'secret-lock', '--json'], { url: server.url });
  const { token } = JSON.parse(stdout) as { token: string };
  expect(token).not.toBe('');
  for (const words of [
    ['lock', 'release', 'secret-lock', ''],
    ['lock', 'break', 'secret-lock', '--token', ''],
    ['lock', 'run', 'secret-lock', '--', ''],
    ['lock', 'run', 'job', '--ttl', ''],
    ['lock', 'nosuch', ''],
    ['lock', ''],
    ['nosuch', 'break', ''],
    ['lock', 'break', '-'],
  ])
    expect(await offered(words), words.join(' ')).toEqual([]);
});

test('what depends on more than the words is not guessed at', async () => {
  for (const word of ['$REDIS', '`url`', '"$REDIS"', '<(url)', '~ann/url', 'redis://{a,b}'])
    expect(await offered(['--url', word, 'lock', 'break', '']), word).toEqual([]);
  expect(await offered(['--url', `'${server.url}'`, 'lock', 'break', 'job:1'])).toEqual(['job:10']);
});

test('the servers and the contexts are those of the flags, the environment and the config file', async () => {
  const config = path.join(folder, 'config.json');
  const contexts = { here: { url: [server.url] }, there: { url: ['redis://127.0.0.1:1'] } };
  writeFileSync(config, JSON.stringify({ contexts }));
  const env = { QUARTERDECK_URL: '', QUARTERDECK_CONFIG: config };
  expect(await offered(['--context', ''], { env })).toEqual(['here', 'there']);
  expect(await offered(['--context', 'here', 'lock', 'break', 'job:1'], { env })).toEqual(['job:10']);
  expect(await offered(['--context', 'there', 'lock', 'break', 'job:1'], { env })).toEqual([]);
  // A lock lives on one server: which of two would be a guess.
  const two = { QUARTERDECK_URL: `${server.url} redis://127.0.0.1:1` };
  expect(await offered(['lock', 'break', 'job:1'], { env: two })).toEqual([]);
  // Of series spread over two servers, those of one would look like all.
  expect(await offered(['hits', 'sum', 's'], { env: two, withinMs: 300 })).toEqual([]);
});

test('no program is run for a password, and no private server started', async () => {
  const mark = path.join(folder, 'asked');
  const env = { QUARTERDECK_PASSWORD_COMMAND: `touch ${mark}; echo x` };
  expect(await offered(['lock', 'break', ''], { env })).toEqual([]);
  expect(existsSync(mark)).toBe(false);
  const embedded = { QUARTERDECK_URL: '', QUARTERDECK_EMBEDDED_DIRECTORY: path.join(folder, 'none') };
  expect(await offered(['lock', 'break', '--embedded', ''], { env: embedded })).toEqual([]);
  expect(existsSync(path.join(folder, 'none'))).toBe(false);
});

test('a server that does not answer, one that refuses, and none at all are silence, and soon', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const stdin = ['quarterdeck', 'lock', 'break', ''].map((word) => `${word}\0`).join('');
  const refusing = { QUARTERDECK_USER: 'nobody', QUARTERDECK_PASSWORD: 'wrong' };
  try {
    for (const [url, env] of [
      [`redis://127.0.0.1:${port}`, {}],
      ['redis://127.0.0.1:1', {}],
      [server.url, refusing],
      ['no url', {}],
    ] as const) {
      const ended = await run(['complete-names', 'zsh'], { url, env, stdin });
      expect(ended, url).toEqual({ code: 0, stdout: '', stderr: '' });
    }
  } finally {
    silent.close();
  }
});

test('typed words are read as a shell reads them, and the rest of a name as it was', () => {
  expect(typedWords(`a 'b c' "d;e" f\\ g`)).toEqual(['a', "'b c'", '"d;e"', 'f\\ g']);
  expect(typedWords('true; quarterdeck lock ')).toEqual(['quarterdeck', 'lock', '']);
  expect(readTyped(`'b c`, undefined)).toEqual({ text: 'b c', open: "'" });
  expect(readTyped('~/x', '/home/ann')).toEqual({ text: '/home/ann/x', open: '' });
  expect(readTyped('{tag}', undefined)).toEqual({ text: '{tag}', open: '' });
  const letters = [
    'a',
    ' ',
    "'",
    '"',
    '$',
    '`',
    '\\',
    '!',
    '*',
    '{',
    '}',
    ',',
    ';',
    '|',
    '<',
    '(',
    '#',
    '~',
    'é',
    '😀',
  ];
  const names = letters.flatMap((one) => letters.flatMap((two) => [`${one}${two}`, `x${one}y${two}z`]));
  const typed = names.flatMap((name) =>
    (['', "'", '"'] as const).flatMap((open) => {
      const rest = quotedRest(name, open);
      return rest === undefined ? [] : [{ name, word: `${open}${rest}${open}` }];
    }),
  );
  const script = typed.map(({ word }) => `printf '%s\\n' ${word}`).join('\n');
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: folder });
  expect(stderr).toBe('');
  expect(stdout.split('\n').slice(0, -1)).toEqual(typed.map(({ name }) => name));
  for (const { word, name } of typed) expect(readTyped(word, undefined)?.text, word).toBe(name);
});

/** Stands for the program: completes without a bound, and prints what it is called with. */
function standIn(): string {
  const bin = mkdtempSync(path.join(folder, 'bin-'));
  const program = path.join(bin, 'quarterdeck');
  const script = `#!/bin/sh
if [ "$1" = complete-names ]; then exec '${process.execPath}' '${cli}' complete-names "$2" 30000; fi
printf 'called:'; for word; do printf '<%s>' "$word"; done; echo .
`;
  writeFileSync(program, script);
  chmodSync(program, 0o755);
  return bin;
}

const shells = {
  bash: { args: ['--norc', '--noprofile', '-i'], prepare: (file: string) => `source ${file}` },
  zsh: {
    args: ['-f', '-i'],
    prepare: (file: string) => `autoload -Uz compinit; compinit -u -D; source ${file}`,
  },
  fish: {
    args: ['--no-config', '-i'],
    prepare: (file: string) => `set -g fish_autosuggestion_enabled 0; source ${file}`,
  },
} as const;

test.for(Object.entries(shells))(
  'a person with %s gets names as they are meant, whatever is in them',
  { timeout: 120_000 },
  async ([shell, { args, prepare }], { skip }) => {
    const isThere = spawnSync(shell, ['-c', 'true']).error === undefined;
    if (!isThere) skip(`${shell} is not installed`);
    const { stdout } = await run(['completion', shell]);
    const file = path.join(folder, `completion.${shell}`);
    writeFileSync(file, stdout);
    const env = {
      PATH: `${standIn()}:${process.env.PATH}`,
      HOME: folder,
      QUARTERDECK_URL: server.url,
      LC_ALL: 'C.UTF-8',
    };
    const play: Play = startPlay({ command: shell, args, env });
    try {
      play.press(`${prepare(file)}; echo rea''dy`, 'enter');
      await play.shows(/^ready$/m);
      for (const [typed, completed, called] of [
        ['lock break deploy:w', 'deploy:web', '<lock><break><deploy:web>'],
        ['lock break with', 'with\\ space', '<lock><break><with space>'],
        ['lock break it', "it\\'s", "<lock><break><it's>"],
        ["lock break 'a$(", "a$(touch x)b'", '<lock><break><a$(touch x)b>'],
        ['lock break "x', '"x\\"y\\`z"', '<lock><break><x"y`z>'],
        ['lock break \\!', '\\!bang', '<lock><break><!bang>'],
        ['topic subscribe orders --as=ma', '--as=mail', '<topic><subscribe><orders><--as=mail>'],
        ['chat send ops --as b', '--as bob', '<chat><send><ops><--as><bob>'],
      ] as const) {
        play.press(`quarterdeck ${typed}`, 'tab');
        // Fish writes a backtick between double quotes without a backslash.
        await play.shows(shell === 'fish' && typed.includes('"x') ? '"x\\"y' : completed);
        play.press('enter');
        await play.shows(`called:${called}.`);
        play.press('ctrl+l');
        await play.hides('called:');
      }
    } finally {
      await play.close();
    }
  },
);
