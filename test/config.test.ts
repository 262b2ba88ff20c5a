import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { hideSecrets, readConfig } from '../source/config.ts';
import { environmentOfHelpers } from '../source/environment.ts';
import { UsageError } from '../source/errors.ts';
import { withoutPasswords } from '../source/url.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-config-'));
const file = path.join(directory, 'config.json');
const passwordFile = path.join(directory, 'password');
const colourFile = path.join(directory, 'colour.json');
const odd = path.join(directory, 'odd.json');
writeFileSync(file, JSON.stringify({ url: 'redis://from-file', readOnly: true, timeout: '5s' }));
writeFileSync(colourFile, JSON.stringify({ color: false }));
writeFileSync(passwordFile, 'from-password-file\nsecond line\n');
afterAll(() => rmSync(directory, { recursive: true }));

const nothing = { XDG_CONFIG_HOME: '/nonexistent', USER: 'ann' };

test('without anything it is the local server', () => {
  const config = readConfig({}, nothing);
  expect(config).toMatchObject({
    urls: ['redis://127.0.0.1:6379'],
    timeoutMs: 30_000,
    operator: 'ann',
    color: 'auto',
  });
  expect(Object.isFrozen(config)).toBe(true);
});

test('a flag wins over the environment, which wins over the file', () => {
  expect(readConfig({ config: file }, nothing).urls).toEqual(['redis://from-file']);
  const env = { ...nothing, QUARTERDECK_CONFIG: file, REDIS_URL: 'redis://from-redis-url' };
  expect(readConfig({}, env).urls).toEqual(['redis://from-redis-url']);
  expect(readConfig({}, { ...env, QUARTERDECK_URL: 'redis://from-env' }).urls).toEqual(['redis://from-env']);
  expect(readConfig({ url: ['redis://from-flag'] }, env)).toMatchObject({
    urls: ['redis://from-flag'],
    readOnly: true,
    timeoutMs: 5000,
  });
});

test('each setting says where it comes from, also where several variables or a URL give it', () => {
  const own = path.join(directory, 'sources.json');
  const contexts = { prod: { url: 'redis://bob:x@db', production: true, glyphs: 'ascii' } };
  writeFileSync(own, JSON.stringify({ contexts, context: 'prod', mouse: 'off', color: true, timeout: '5s' }));
  const env = { ...nothing, QUARTERDECK_CONFIG: own, NO_COLOR: '1', ACCESSIBLE: '1', QUARTERDECK_YES: '1' };
  expect(readConfig({ readOnly: true }, env).sources).toMatchObject({
    urls: 'context prod',
    username: 'the URL',
    password: 'the URL',
    glyphs: 'context prod',
    context: 'config file',
    timeoutMs: 'config file',
    mouse: 'config file',
    clipboard: 'default',
    readOnly: '--read-only',
    yes: 'QUARTERDECK_YES',
    color: 'NO_COLOR',
    screenReader: 'ACCESSIBLE',
    configFile: 'QUARTERDECK_CONFIG',
    operator: 'default',
  });
  expect(
    readConfig({}, { ...nothing, REDIS_URL: 'redis://a', QUARTERDECK_NO_COLOR: '1' }).sources,
  ).toMatchObject({
    urls: 'REDIS_URL',
    color: 'QUARTERDECK_NO_COLOR',
    password: 'default',
  });
});

test('a switch can be turned off by what is nearer', () => {
  expect(readConfig({ config: file, readOnly: false }, nothing).readOnly).toBe(false);
  expect(readConfig({ config: file }, { ...nothing, QUARTERDECK_READ_ONLY: 'no' }).readOnly).toBe(false);
});

test.each([
  [{}, {}, 'auto'],
  [{ color: false }, { CLICOLOR_FORCE: '1' }, 'never'],
  [{ color: true }, { NO_COLOR: '1' }, 'always'],
  [{}, { QUARTERDECK_NO_COLOR: '1', CLICOLOR_FORCE: '1' }, 'never'],
  [{}, { QUARTERDECK_NO_COLOR: 'no', NO_COLOR: '1' }, 'always'],
  [{}, { NO_COLOR: '1', CLICOLOR_FORCE: '1' }, 'never'],
  [{}, { NO_COLOR: '', CLICOLOR_FORCE: '1', CLICOLOR: '0' }, 'always'],
  [{}, { CLICOLOR_FORCE: '0', CLICOLOR: '0' }, 'never'],
  [{}, { CLICOLOR: '1' }, 'auto'],
  [{ config: colourFile }, {}, 'never'],
  [{ config: colourFile }, { CLICOLOR_FORCE: '1' }, 'always'],
])('colour: of %j and %j the first that speaks decides: %s', (flags, env, color) => {
  expect(readConfig(flags, { ...nothing, ...env }).color).toBe(color);
});

test('a theme is one for all backgrounds, or one for each', () => {
  expect(readConfig({}, nothing).theme).toEqual({
    dark: 'terminal',
    light: 'terminal',
    fallback: 'terminal',
  });
  const auto = { dark: 'dark', light: 'light', fallback: 'terminal' };
  expect(readConfig({ theme: 'auto' }, nothing).theme).toEqual(auto);
  writeFileSync(odd, JSON.stringify({ theme: { dark: 'harbour', light: 'light' } }));
  expect(readConfig({ config: odd }, nothing).theme).toEqual({ ...auto, dark: 'harbour' });
  expect(() => readConfig({ theme: '../../etc/passwd' }, nothing)).toThrow(/--theme: Expected the name/);
  expect(() => readConfig({ glyphs: 'emoji' }, nothing)).toThrow(/--glyphs: Expected one of auto/);
});

test('a password in a URL is taken out of it and warned about', () => {
  const config = readConfig({ url: ['redis://bob:hunter2@example.org:7000/3'] }, nothing);
  expect(config.urls).toEqual(['redis://example.org:7000/3']);
  expect(config).toMatchObject({ username: 'bob', password: 'hunter2' });
  expect(config.warnings).toHaveLength(1);
  expect(config.warnings[0]).not.toContain('hunter2');
});

test('a password comes from the environment or the first line of a file', () => {
  expect(readConfig({}, { ...nothing, QUARTERDECK_PASSWORD: 'quiet' }).password).toBe('quiet');
  expect(readConfig({ passwordFile }, nothing).password).toBe('from-password-file');
  writeFileSync(odd, 'from Windows\r\n');
  expect(readConfig({ passwordFile: odd }, nothing).password).toBe('from Windows');
  const env = { ...nothing, QUARTERDECK_SENTINEL_PASSWORD_FILE: passwordFile };
  expect(readConfig({}, env).sentinelPassword).toBe('from-password-file');
});

test('a password in the environment wins over the password file of the config file, not over that of a flag', () => {
  const env = { ...nothing, QUARTERDECK_PASSWORD: 'from-env' };
  writeFileSync(odd, JSON.stringify({ passwordFile }));
  expect(readConfig({ config: odd }, env).password).toBe('from-env');
  expect(readConfig({ passwordFile }, env).password).toBe('from-password-file');
});

test.each([
  ['redis://ann:50%@host', /percent sign/],
  ['unix:///tmp/100%.sock', /percent sign/],
  ['redis://host/first', /number of a database/],
  ['redis://ann:123/50%25@host', /number of a database/],
  ['unix:///tmp/s?db=first', /number of a database/],
  ['redis://', /names no host/],
  ['unix://', /path of a socket/],
])('%s is refused as it is read', (url, reason) => {
  expect(() => readConfig({ url: [url] }, nothing)).toThrow(UsageError);
  expect(() => readConfig({ url: [url] }, nothing)).toThrow(reason);
  expect(() => readConfig({ url: [url] }, nothing)).not.toThrow(/50%/);
});

test('a certificate authority that cannot be read is reported before anything is tried', () => {
  expect(() => readConfig({ tlsCa: '/nonexistent/ca.crt' }, nothing)).toThrow(
    /--tls-ca.*\/nonexistent\/ca\.crt/,
  );
});

test('a variable that is empty or blank is not set', () => {
  const blank = { USER: '', LOGNAME: 'ben', QUARTERDECK_URL: ' ', QUARTERDECK_TIMEOUT: '' };
  const config = readConfig({}, { ...blank, XDG_CONFIG_HOME: '', XDG_STATE_HOME: '', HOME: '/home/ben' });
  expect(config).toMatchObject({
    urls: ['redis://127.0.0.1:6379'],
    timeoutMs: 30_000,
    operator: 'ben',
    embeddedDirectory: '/home/ben/.local/state/quarterdeck/embedded',
  });
  const padded = { ...nothing, QUARTERDECK_URL: ' redis://a  redis://b ' };
  expect(readConfig({}, padded).urls).toEqual(['redis://a', 'redis://b']);
});

test('a wait longer than a timer can count is refused, not cut to nothing', () => {
  expect(readConfig({ timeout: '24d' }, nothing).timeoutMs).toBe(24 * 86_400_000);
  expect(() => readConfig({ timeout: '25d' }, nothing)).toThrow(/at most 24d/);
});

test('a config file is a path, whatever it begins with', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-config-'));
  const file = path.join(folder, 'config.json');
  writeFileSync(file, '{}');
  try {
    expect(() => readConfig({ config: file }, nothing)).not.toThrow();
    for (const url of [`file:${file}`, `file://${file}`, 'data:,{}'])
      expect(() => readConfig({ config: url }, nothing)).toThrow(`The config file ${url} does not exist`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every mistake is reported together, and no password with them', () => {
  const read = (): unknown =>
    readConfig(
      { url: ['gopher://user:hunter2@x'], timeout: 'soon', config: '/nonexistent/file.json' },
      { ...nothing, QUARTERDECK_READ_ONLY: 'maybe' },
    );
  expect(read).toThrow(UsageError);
  expect(read).toThrow(
    /file\.json does not exist.*--timeout: Expected a duration.*QUARTERDECK_READ_ONLY: Expected true or false.*gopher/,
  );
  expect(read).not.toThrow(/hunter2/);
});

test('what excludes each other is refused', () => {
  expect(() => readConfig({ cluster: true, sentinel: 'main' }, nothing)).toThrow(/exclude each other/);
  expect(() => readConfig({ embedded: true, url: ['redis://x'] }, nothing)).toThrow(/exclude each other/);
  // The nodes have hosts: another server, the one at 127.0.0.1, would be asked.
  for (const how of [{ cluster: true }, { sentinel: 'main' }]) {
    expect(() => readConfig({ ...how, url: ['unix:///a.sock'] }, nothing)).toThrow(/unix:\/\/ URL exclude/);
    expect(() => readConfig({ ...how, embedded: true }, nothing)).toThrow(/--embedded exclude/);
  }
});

test('a config file with an unknown setting or without an object is refused', () => {
  for (const name of ['colour', 'constructor']) {
    writeFileSync(odd, JSON.stringify({ [name]: true }));
    expect(() => readConfig({ config: odd }, nothing)).toThrow(`unknown setting \`${name}\``);
  }
  writeFileSync(odd, '[1]');
  expect(() => readConfig({ config: odd }, nothing)).toThrow(/does not hold a JSON object/);
  writeFileSync(odd, '{\n  "json" true\n}');
  expect(() => readConfig({ config: odd }, nothing)).toThrow(/odd\.json is no JSON.*line 2/);
  expect(() => readConfig({ config: directory }, nothing)).toThrow(/cannot be read/);
});

test('a setting of the wrong type is reported by its field', () => {
  writeFileSync(odd, JSON.stringify({ timeout: 30, url: [7], readOnly: 'maybe' }));
  const message =
    /`url` in \S+odd\.json: .*text.*`timeout` in .*a duration such as.*got `30`.*`readOnly` in .*true or false/;
  expect(() => readConfig({ config: odd }, nothing)).toThrow(message);
});

test.each([
  ['unix://bob@/tmp/s', 'unix:///tmp/s', 'bob', undefined],
  ['unix://bob:pw@/tmp/s?db=2', 'unix:///tmp/s?db=2', 'bob', 'pw'],
  ['unix://:pw@/tmp/s', 'unix:///tmp/s', undefined, 'pw'],
  ['redis://host:7000?db=3', 'redis://host:7000/3', undefined, undefined],
  ['redis://host?password=s3cret', 'redis://host', undefined, 's3cret'],
  ['redis://:x@s3cret@host', 'redis://host', undefined, 'x@s3cret'],
])('%s', (given, url, username, password) => {
  const config = readConfig({ url: [given] }, nothing);
  expect(config).toMatchObject({ urls: [url], username, password });
});

test.each([
  ['localhost:6379', /here perhaps redis:\/\/localhost:6379/],
  ['redis://host?pasword=s3cret', /`pasword`/],
  ['redis://:s3cret#x@host', /%23|such as redis/],
  ['s3cret://x', /redis:\/\/, rediss:\/\/ or unix:\/\//],
])('%s is refused, without what may be secret', (given, reason) => {
  expect(() => readConfig({ url: [given] }, nothing)).toThrow(reason);
  if (!given.startsWith('s3cret')) expect(() => readConfig({ url: [given] }, nothing)).not.toThrow(/s3cret/);
});

test('--user wins over the user of a URL', () => {
  expect(readConfig({ url: ['redis://bob@host'], user: 'ann' }, nothing).username).toBe('ann');
});

test('a password from a command; of equally near sources it is the first, else the nearest', () => {
  const passwordCommand = 'printf "from-command\\nmore"';
  expect(readConfig({ passwordCommand }, nothing)).toMatchObject({
    password: 'from-command',
    passwordCommand,
  });
  const env = { ...nothing, QUARTERDECK_PASSWORD: 'from-env' };
  expect(readConfig({ passwordCommand }, env).password).toBe('from-command');
  const withCommand = { ...nothing, QUARTERDECK_PASSWORD_COMMAND: passwordCommand };
  expect(readConfig({ passwordFile }, withCommand)).toMatchObject({
    password: 'from-password-file',
    passwordCommand: undefined,
  });
  expect(() => readConfig({ passwordCommand: 'exit 3' }, nothing)).toThrow(/password command failed: .* 3/);
  expect(() => readConfig({ passwordCommand: 'true' }, nothing)).toThrow(/printed no password/);
});

test('a password file that others can read is warned about', () => {
  chmodSync(passwordFile, 0o644);
  const { warnings } = readConfig({ passwordFile }, nothing);
  expect(warnings).toEqual([expect.stringMatching(/can be read by others \(mode 0644\).*chmod 600/)]);
  chmodSync(passwordFile, 0o600);
  expect(readConfig({ passwordFile }, nothing).warnings).toEqual([]);
});

test('a variable that begins like ours and is no setting is refused; those of others are not', () => {
  const read = (name: string) => readConfig({}, { ...nothing, [name]: '1' });
  expect(() => read('QUARTERDECK_READONLY')).toThrow(
    /QUARTERDECK_READONLY.*did you mean QUARTERDECK_READ_ONLY/,
  );
  for (const name of [
    'QUARTERDECK_FILE',
    'QUARTERDECK_PORT_6379_TCP',
    'QUARTERDECK_SERVICE_HOST',
    'QUARTERDECK',
  ])
    expect(() => read(name)).not.toThrow();
});

test('a config file with a byte order mark', () => {
  writeFileSync(odd, `\uFEFF${JSON.stringify({ timeout: '7s' })}`);
  expect(readConfig({ config: odd }, nothing).timeoutMs).toBe(7000);
});

test('what the JSON parser quotes of a config file is not repeated', () => {
  writeFileSync(odd, '{"url": "redis://:s3cret@h" oops}');
  expect(() => readConfig({ config: odd }, nothing)).toThrow(/is no JSON/);
  expect(() => readConfig({ config: odd }, nothing)).not.toThrow(/s3cret/);
});

test('commands that are run inherit no password', () => {
  const env = {
    QUARTERDECK_PASSWORD: 's3cret',
    QUARTERDECK_URL: 'redis://ann:x@s3cret@h:7000/2 unix://:s3cret@/tmp/s',
    REDIS_URL: 'redis://h?password=s3cret',
    OTHER: 'stays',
  };
  hideSecrets(env);
  expect(env).toEqual({
    QUARTERDECK_URL: 'redis://ann@h:7000/2 unix:///tmp/s',
    REDIS_URL: 'redis://h',
    OTHER: 'stays',
  });
  const odd = { REDIS_URL: 'rediss//:s3cret@h' };
  hideSecrets(odd);
  expect(odd).toEqual({});
  const harmless = { REDIS_URL: 'redis://ann@h/3', QUARTERDECK_URL: '' };
  hideSecrets(harmless);
  expect(harmless.REDIS_URL).toBe('redis://ann@h/3');
});

test('programs that we choose inherit no password of a database either', () => {
  const env = {
    PGPASSWORD: 's3cret',
    REDISCLI_AUTH: 's3cret',
    PGUSER: 'app',
    SSH_AUTH_SOCK: '/s',
    PATH: '/bin',
  };
  expect(environmentOfHelpers(env)).toEqual({ PGUSER: 'app', SSH_AUTH_SOCK: '/s', PATH: '/bin' });
});

/** Who runs what the operator wrote, which may need any of it; the demo starts ourselves. */
const operators = ['system/run-shell.ts', 'features/lock/run.ts', 'console/notify.ts', 'demo/processes.ts'];

test('every program that is started is one of the two', () => {
  const folder = path.resolve('source');
  const files = globSync('**/*.{ts,tsx}', { cwd: folder }).filter((file) => !operators.includes(file));
  const starting = files.flatMap((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    return [...text.matchAll(/\b(?:spawn|execFile|execFileSync|spawnSync|fork)\([^;]*?\{([^}]*)\}/g)].map(
      ([, options = '']) => ({ file, isHelper: options.includes('environmentOfHelpers()') }),
    );
  });
  expect(starting.length).toBeGreaterThanOrEqual(8);
  // These two ask for what the operator named, and for who may write a file.
  const others = ['redis/connection/secrets.ts', 'private-files.ts'];
  expect(starting.filter(({ file, isHelper }) => !isHelper && !others.includes(file))).toEqual([]);
});

test('a text without the passwords of URLs in it', () => {
  expect(withoutPasswords('There is no `redis://:s3cret@db:6379`')).toBe(
    'There is no `redis://:***@db:6379`',
  );
  expect(withoutPasswords('postgres://u:s3@cret@h/db?x=1')).toBe('postgres://u:***@h/db?x=1');
  expect(withoutPasswords('redis://h?password=s3cret&db=1')).toBe('redis://h?password=***&db=1');
  const harmless = 'redis://ann@h:6379 and http://h:80/x, mail@example.org';
  expect(withoutPasswords(harmless)).toBe(harmless);
  expect(new UsageError('Unexpected redis://:s3cret@db').message).not.toContain('s3cret');
});

test('a context is nearer than what is behind that which chose it, and production begins locked', () => {
  const contexts = path.join(directory, 'contexts.json');
  const production = { url: ['redis://:secret@prod-eu'], production: true, timeout: '7s' };
  writeFileSync(
    contexts,
    JSON.stringify({
      url: 'redis://plain',
      contexts: { 'prod-eu': production, stage: { url: 'redis://stage' } },
    }),
  );
  const env = { ...nothing, REDIS_URL: 'redis://from-env' };
  const config = readConfig({ config: contexts, context: 'prod-eu' }, env);
  expect(config).toMatchObject({
    urls: ['redis://prod-eu'],
    timeoutMs: 7000,
    context: { name: 'prod-eu', production: true },
    readOnly: false,
    startsLocked: true,
  });
  expect(JSON.stringify({ ...config, password: undefined })).not.toContain('secret');
  expect(readConfig({ config: contexts, context: 'prod-eu', readOnly: false }, env).startsLocked).toBe(false);
  const chosen = { ...nothing, QUARTERDECK_CONTEXT: 'stage', QUARTERDECK_CONFIG: contexts };
  expect(readConfig({}, chosen)).toMatchObject({ urls: ['redis://stage'], startsLocked: false });
  expect(readConfig({ url: ['redis://flag'] }, chosen).urls).toEqual(['redis://flag']);
  expect(() => readConfig({ config: contexts, context: 'prod' }, nothing)).toThrow(
    /no context `prod`.*prod-eu/,
  );
  writeFileSync(contexts, JSON.stringify({ contexts: { a: { prodction: true } } }));
  expect(() => readConfig({ config: contexts }, nothing)).toThrow(/contexts/);
});
