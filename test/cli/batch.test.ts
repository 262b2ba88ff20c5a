import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { width } from '../../source/ui/text.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

/** With a disk that is always full. */
const onLinux = test.runIf(process.platform === 'linux');

const server = await redisForThisFile();

test('--version prints one line', async () => {
  expect(await run(['--version'])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  });
});

test.each([
  [['--help']],
  [['help']],
  [['snapshot', '--help']],
  [['chat', '--help']],
  [['chat', 'send', '--help']],
])('help at every level: %j', async (words) => {
  const { code, stdout, stderr } = await run(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('quarterdeck');
});

test.each([
  [['hits', 'sum', 'site', '--since', '-1h'], '`-1h`'],
  [['--since', '-1h', 'hits', 'sum', 'site'], '`-1h`'],
  [['lock', 'run', 'x', '--ttl', '-h', '--', 'true'], '`-h`'],
  [['hits', 'sum', 'site', '--since', '--json'], '--since'],
])('what stands behind a flag is its value, also with a dash in front: %j', async (words, expected) => {
  const failed = await run(words, { url: server.url });
  expect(failed).toMatchObject({ code: 2, stdout: '' });
  expect(failed.stderr).toContain(expected);
});

test('without a terminal the console reports that and exits 2', async () => {
  const failed = await run(['--json']);
  expect(failed.code).toBe(2);
  expect(errorOf(failed).code).toBe('NO_TERMINAL');
});

test.each([
  [['chatt', 'list'], 'UNKNOWN_COMMAND'],
  [['chat', 'shout'], 'UNKNOWN_COMMAND'],
  [['chat'], 'UNKNOWN_COMMAND'],
  [['snapshot', '--bogus'], 'USAGE'],
  [['snapshot', '--size', 'big'], 'USAGE'],
  [['snapshot', '--timeout', 'soon'], 'BAD_CONFIG'],
  [['snapshot', 'extra'], 'USAGE'],
  [['snapshot', '--fail-if', 'nonsense'], 'USAGE'],
])('%j is a usage failure, %s', async (words, code) => {
  const failed = await run([...words, '--json'], { url: server.url });
  expect(failed).toMatchObject({ code: 2, stdout: '' });
  expect(errorOf(failed).code).toBe(code);
  expect(failed.stderr.trim().split('\n')).toHaveLength(1);
});

test.each([
  [['lokc', 'list'], 'Did you mean `lock`?'],
  [['lock', 'lsit'], 'Did you mean `lock list`?'],
  [['snapshto'], 'Did you mean `snapshot`?'],
  [['lock', 'list', '--jsno'], 'Unknown flag `--jsno` (did you mean `--json`?)'],
  [['lock', 'list', '--discovr'], '(did you mean `--discover`?)'],
  [['--read-olny'], 'Unknown flag `--read-olny` (did you mean `--read-only`?)'],
  [['snapshot', '--pane', 'lokc'], 'Did you mean `lock`?'],
  [['snapshot', '--fail-if', 'lokc.heldMs > 5m'], 'Did you mean `lock`?'],
  [['help', 'lokc'], 'Did you mean `lock`?'],
  [['lokc', '--help'], 'Did you mean `lock`?'],
  [['lock'], '`lock` wants a verb'],
])('what was mistyped is reported with what was meant: %j', async (words, expected) => {
  const failed = await run(words, { url: server.url });
  expect(failed).toMatchObject({ code: 2, stdout: '' });
  expect(failed.stderr).toContain(expected);
});

test.each([
  [['constructor']],
  [['toString', 'list']],
  [['lock', 'valueOf']],
  [['lock', 'list', '--constructor']],
])('what every object has is no command and no flag: %j', async (words) => {
  const failed = await run([...words, '--json'], { url: server.url });
  expect(failed.code).toBe(2);
  expect(errorOf(failed).code).toMatch(/UNKNOWN_COMMAND|USAGE/);
});

test('a failure is JSON wherever that is set, and the flags of another program are not ours', async () => {
  const env = { QUARTERDECK_JSON: '1' };
  expect(errorOf(await run(['chatt'], { env })).code).toBe('UNKNOWN_COMMAND');
  expect((await run(['chatt', '--', '--json'])).stderr).toMatch(/^quarterdeck: /);
});

onLinux.each([[['--version']], [['--help']], [['config']], [['snapshot']]])(
  'a stdout that takes nothing is exit 4, in one line: %j',
  async (words) => {
    const full = openSync('/dev/full', 'w');
    const failed = await finished(start(words, { url: server.url, stdoutFd: full }));
    closeSync(full);
    expect(failed.code).toBe(4);
    expect(failed.stderr).toMatch(/^quarterdeck: Cannot write to stdout: ENOSPC.*\n$/);
  },
);

onLinux('what could not be printed is not marked as read', async () => {
  await run(['chat', 'create', 'full', '--members', 'ann,ben'], { url: server.url });
  await run(['chat', 'send', 'full', 'hello', '--as', 'ben'], { url: server.url });
  const full = openSync('/dev/full', 'w');
  const words = ['chat', 'read', 'full', '--as', 'ann'];
  expect((await finished(start(words, { url: server.url, stdoutFd: full }))).code).toBe(4);
  closeSync(full);
  expect((await run(words, { url: server.url })).stdout).toContain('hello');
});

test('help ends quietly when nobody reads it', async () => {
  const child = start(['--help']);
  child.stdout?.destroy();
  expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
});

test('on a Node that is too old it is reported in one line', async () => {
  // Such a Node lacks what newer ones export.
  const code = `import { registerHooks } from 'node:module';
    const old = 'export const { createRequire } = process.getBuiltinModule("module"); export default {};';
    registerHooks({
      resolve: (name, context, next) =>
        name === 'node:module' ? { url: 'data:text/javascript,' + old, shortCircuit: true } : next(name, context),
    });
    Object.defineProperty(process.versions, 'node', { value: '20.20.2' });`;
  const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(code)}`;
  expect(await run(['lock', 'list'], { env: { NODE_OPTIONS } })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'quarterdeck: needs Node 22.12 or newer, this is 20.20.2\n',
  });
});

test('an unreachable server is exit 3, in one line, with a hint', async () => {
  const failed = await run(['snapshot', '--url', 'redis://127.0.0.1:1']);
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(
    /^quarterdeck: Cannot reach Redis at redis:\/\/127\.0\.0\.1:1: .*--embedded.*\n$/,
  );
});

test('--debug adds the stack', async () => {
  const failed = await run(['snapshot', '--url', 'redis://127.0.0.1:1', '--debug']);
  expect(failed.stderr).toMatch(/\n\s+at /);
});

test('a password is never printed', async () => {
  const shown = await run(['config', '--url', 'redis://bob:hunter2@127.0.0.1:1']);
  expect(shown.code).toBe(0);
  expect(shown.stderr).toContain('visible in the process list');
  expect(shown.stdout + shown.stderr).not.toContain('hunter2');
  const failed = await run(['snapshot', '--url', 'redis://bob:hunter2@127.0.0.1:1']);
  expect(failed.stdout + failed.stderr).not.toContain('hunter2');
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-')), 'password');
  writeFileSync(file, 'hunter2\n');
  const fromFiles = await run(['config', '--password-file', file, '--sentinel-password-file', file]);
  rmSync(path.dirname(file), { recursive: true });
  expect(fromFiles.stdout.match(/assword +--(sentinel-)?password-file +set$/gm)).toHaveLength(2);
  expect(fromFiles.stdout + fromFiles.stderr).not.toContain('hunter2');
});

test('--fail-if sets exit 1', async () => {
  const words = ['snapshot', '--json', '--fail-if'];
  expect((await run([...words, 'server.usedBytes > 1'], { url: server.url })).code).toBe(1);
  expect((await run([...words, 'server.usedBytes > 1TiB'], { url: server.url })).code).toBe(0);
});

test('a --fail-if that can never hold is reported, not passed over', async () => {
  const wrongPane = await run(['snapshot', '--fail-if', 'lokc.heldMs > 5m'], { url: server.url });
  expect(wrongPane).toMatchObject({ code: 2, stderr: expect.stringContaining('`lokc`') });
  const wrongField = await run(['snapshot', '--json', '--fail-if', 'server.bytes > 1'], { url: server.url });
  expect(wrongField).toMatchObject({ code: 0, stderr: expect.stringContaining('cannot hold') });
});

test('a flag may stand before the noun', async () => {
  const { code, stdout } = await run(['--json', '--url', server.url, 'snapshot']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ server: { url: server.url } });
});

test('watch prints what there is, then only changes, and SIGTERM ends it with 143', async () => {
  const child = start(['watch', '--json', '--every', '100ms'], { url: server.url });
  const first = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (data) => resolve(String(data))),
  );
  expect(JSON.parse(first.split('\n')[0] ?? '')).toMatchObject({
    at: expect.any(Number),
    pane: expect.any(String),
  });
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(143);
});

test('a server lost for longer than --timeout is exit 3', async () => {
  const going = await startRedis();
  const child = start(['watch', '--json', '--every', '100ms', '--timeout', '2s'], { url: going.url });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  let stderr = '';
  child.stderr?.on('data', (data) => (stderr += String(data)));
  await going.close();
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(3);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'REDIS_LOST' } });
});

test('a reader that closes early ends it quietly', async () => {
  const child = start(['watch', '--json', '--every', '20ms'], { url: server.url });
  let stderr = '';
  child.stderr?.on('data', (data) => (stderr += String(data)));
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.stdout?.destroy();
  const writer = server.client();
  const closed = new Promise((resolve) => child.once('close', resolve));
  // Only writing tells that nobody reads, so there must be news to write.
  for (let turn = 0; child.exitCode === null; turn += 1) {
    await writer.zadd(`chat:room-${turn}`, 0, 'ann');
    await writer.zadd('quarterdeck:chat', turn, `room-${turn}`);
  }
  const code = await closed;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test.each(['bash', 'zsh', 'fish'])('completion for %s names every noun', async (shell) => {
  const { code, stdout } = await run(['completion', shell]);
  expect(code).toBe(0);
  expect(stdout).toContain('snapshot');
  expect(stdout).toContain('fail-if');
});

/** Lines and then one that is no UTF-8. */
const badInput = Buffer.concat([Buffer.from('one\ntwo\n'), Buffer.from([0xe9]), Buffer.from('\nafter\n')]);

test.each([
  [['topic', 'publish', 'stdin', '-'], ['topic', 'status', 'stdin', '--json'], '"lastId":2'],
  [['chat', 'send', 'stdin', '-', '--as', 'ann'], ['chat', 'list', '--json'], '"messages":2'],
  [['buffer', 'incr', 'stdin', '-'], ['buffer', 'pending', 'stdin', '--json'], '"ids":2'],
  [['hits', 'add', '-'], ['hits', 'sum', 'two', '--json'], '"sum":1'],
])(
  'a line of stdin that cannot be read ends %j with exit 4; those before it are done',
  async (words, ask, expected) => {
    if (words[0] === 'chat')
      await run(['chat', 'create', 'stdin', '--members', 'ann,bob'], { url: server.url });
    const failed = await run([...words, '--json'], { url: server.url, stdin: badInput });
    expect(failed.code).toBe(4);
    expect(errorOf(failed)).toMatchObject({
      code: 'LINE_NOT_UTF8',
      message: expect.stringContaining('Line 3'),
    });
    expect((await run(ask, { url: server.url })).stdout).toContain(expected);
  },
);

test('a log takes every line: long ones cut with a mark, bytes that are no UTF-8 shown', async () => {
  const stdin = Buffer.concat([badInput, Buffer.alloc(300_000, 'a'), Buffer.from('\nlast\n')]);
  const written = await run(['log', 'write', 'stdin', '--json'], { url: server.url, stdin });
  expect(JSON.parse(written.stdout)).toMatchObject({ written: 6 });
  const recent = await run(['log', 'recent', 'stdin', '--json'], { url: server.url });
  const messages = (JSON.parse(recent.stdout) as { message: string }[]).map(({ message }) => message);
  expect(messages).toEqual([
    'last',
    expect.stringMatching(/^a{1000,}… \(285K more\)$/),
    'after',
    '\\xe9',
    'two',
    'one',
  ]);
});

test('a noun explains itself behind it as before it, and version is a command', async () => {
  const before = await run(['help', 'chat']);
  expect(await run(['chat', 'help'])).toEqual(before);
  expect((await run(['chat', 'help', 'send'])).stdout).toBe((await run(['chat', 'send', '--help'])).stdout);
  expect(await run(['version'])).toEqual(await run(['--version']));
});

test.each([['DEBUG'], ['NODE_DEBUG'], ['DEV']])('%s changes nothing and shows no password', async (name) => {
  const protectedServer = await startRedis('--requirepass', 'hunter2secret');
  const env = { QUARTERDECK_PASSWORD: 'hunter2secret' };
  const words = ['lock', 'run', 'job', '--', 'sh', '-c', `echo $${name}`];
  const shown = await run(words, { url: protectedServer.url, env: { ...env, [name]: 'true,*' } });
  expect(shown).toMatchObject({ code: 0, stdout: 'true,*\n' });
  expect(shown.stderr).not.toContain('hunter2secret');
  if (name !== 'NODE_DEBUG') expect(shown.stderr).toBe('');
  await protectedServer.close();
});

test('what a library prints on stderr is shown with --debug only, and made safe', async () => {
  const code = "setTimeout(() => { console.warn('odd\\u001b[2J'); process.emitWarning('old'); }, 300)";
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` };
  const words = ['lock', 'run', 'odd', '--', 'sleep', '1'];
  expect(await run(words, { url: server.url, env })).toMatchObject({ code: 0, stderr: '' });
  const debugged = await run(['--debug', ...words], { url: server.url, env });
  expect(debugged.stderr).toContain('odd␛[2J\n');
  expect(debugged.stderr).toContain('quarterdeck: old\n');
  expect(debugged.stderr).not.toContain('\u001B');
});

test('a frame fits the terminal it is printed on, and has a size of its own in a pipe', async () => {
  const play = startPlay({ args: [cli, 'snapshot', '--url', server.url], columns: 80, rows: 24 });
  await play.ended();
  const lines = play
    .raw()
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  expect(lines).toHaveLength(23);
  expect(Math.max(...lines.map((line) => width(line)))).toBeLessThanOrEqual(80);
  await play.close();
  expect((await run(['snapshot'], { url: server.url })).stdout.trimEnd().split('\n').length).toBeGreaterThan(
    30,
  );
});

test('a folder that is gone keeps nothing from running', async () => {
  const gone = mkdtempSync(path.join(tmpdir(), 'quarterdeck-gone-'));
  const script = `cd ${gone} && rmdir ${gone} && exec ${process.execPath} ${cli} chat list --url ${server.url}`;
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a working directory that was deleted harms nothing that does not need it, and is named by what does', async () => {
  const gone = mkdtempSync(path.join(tmpdir(), 'quarterdeck-gone-'));
  const inGone = async (words: string) => {
    const script = `mkdir -p "$1" && cd "$1" && rmdir "$1" && exec "$2" "$3" ${words}`;
    const child = spawn('sh', ['-c', script, 'sh', gone, process.execPath, path.resolve('dist/cli.js')], {
      env: {
        PATH: process.env.PATH,
        HOME: tmpdir(),
        XDG_CONFIG_HOME: '/nonexistent',
        QUARTERDECK_URL: server.url,
      },
    });
    child.stdin.end();
    return await finished(child);
  };
  for (const command of ['chat list', 'snapshot', 'config', 'version'])
    expect([command, (await inGone(command)).code]).toEqual([command, 0]);
  for (const command of [
    'sync notify a',
    'ship run a --channel c: --consumers 1',
    'ship consume c: --as 0 --out o',
  ]) {
    const failed = await inGone(`${command} --json`);
    expect([command, failed.code, errorOf(failed).code]).toEqual([command, 4, 'NO_WORKING_DIRECTORY']);
  }
});
