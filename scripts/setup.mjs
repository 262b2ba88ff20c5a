// Runs under whatever Node the machine has, before anything is installed: plain JavaScript, no dependencies.
// Installs what is missing, reports it in one line each on stderr, and does nothing the second time.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const forTests = process.argv.includes('--test');

/** What is needed: the program that shows it is there, and the package that brings it. */
const needs = [
  { programs: ['redis-server', 'valkey-server'], apt: 'redis-server', brew: 'redis', forTests: false },
  { programs: ['redis-cli', 'valkey-cli'], apt: 'redis-tools', brew: 'redis', forTests: true },
  { programs: ['rsync'], apt: 'rsync', brew: 'rsync', forTests: true },
  { programs: ['tmux'], apt: 'tmux', brew: 'tmux', forTests: true },
  { programs: ['postgres', 'pg_ctl'], apt: 'postgresql', brew: 'postgresql@17', forTests: true },
  // Completion is typed into each of them; where one cannot be had, its test is skipped by name.
  { programs: ['zsh'], apt: 'zsh', brew: 'zsh', forTests: true, isOptional: true },
  { programs: ['fish'], apt: 'fish', brew: 'fish', forTests: true, isOptional: true },
];

const say = (text) => process.stderr.write(`${text}\n`);
const fail = (text) => {
  say(`setup: ${text}`);
  process.exit(1);
};

function found(program) {
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    ...postgresFolders(),
  ];
  return folders.some((folder) => existsSync(path.join(folder, program)));
}

/** Debian and Homebrew keep PostgreSQL's programs off PATH. */
function postgresFolders() {
  const roots = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt'];
  return roots.flatMap((root) => {
    if (!existsSync(root)) return [];
    return readdirSync(root)
      .filter((name) => root === '/usr/lib/postgresql' || name.startsWith('postgresql'))
      .map((name) => path.join(root, name, 'bin'));
  });
}

function run(program, words, env = {}) {
  const result = spawnSync(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error) return result.error.message;
  return result.status === 0
    ? undefined
    : `${result.stderr}${result.stdout}`.trim().split('\n').slice(-5).join('\n');
}

function installPrograms() {
  const missing = needs.filter((need) => (forTests || !need.forTests) && !need.programs.some(found));
  if (missing.length === 0) return;
  const required = missing.filter((need) => !need.isOptional);
  const names = required.map((need) => need.programs[0]).join(', ');
  const cannot = ({ apt, isOptional }, failure) => {
    if (isOptional) say(`setup: goes on without ${apt}: ${failure}`);
    else fail(`could not install ${apt}: ${failure}`);
  };
  if (process.platform === 'darwin' && found('brew')) {
    for (const need of missing) {
      say(`setup: installing ${need.brew} with brew`);
      const failure = run('brew', ['install', need.brew]);
      if (failure) cannot(need, failure);
    }
    return;
  }
  if (required.length === 0 && (!found('apt-get') || (process.getuid?.() !== 0 && !found('sudo')))) return;
  if (!found('apt-get'))
    fail(`${names} missing; install them with this machine's package manager, then run this again`);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo'];
  if (asRoot.length > 0 && !found('sudo'))
    fail(`${names} missing; run as root: apt-get install ${required.map((need) => need.apt).join(' ')}`);
  // Debian would start the services it installs; ours are private and started when needed.
  const apt = (...words) => {
    const [program, ...rest] = [
      ...asRoot,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'RUNLEVEL=1',
      'apt-get',
      '-qq',
      ...words,
    ];
    return run(program, rest);
  };
  let isUpdated = false;
  for (const need of missing) {
    say(`setup: installing ${need.apt} with apt-get`);
    let failure = isUpdated ? 'not tried' : apt('install', '-y', '--no-install-recommends', need.apt);
    if (failure !== undefined) {
      if (!isUpdated) apt('update');
      isUpdated = true;
      failure = apt('install', '-y', '--no-install-recommends', need.apt);
    }
    if (failure !== undefined) cannot(need, failure);
  }
}

function installPackages() {
  const stamp = 'node_modules/.quarterdeck-lock';
  const digest = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  const isInstalled = existsSync(stamp) ? readFileSync(stamp, 'utf8') === digest : false;
  if (isInstalled && existsSync('node_modules/.bin/node')) return;
  say('setup: installing packages with npm ci');
  const npm = process.env.npm_execpath;
  const words = ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'];
  // The test and demo scripts run under npm: its own settings in the environment would leak into this npm.
  const failure = npm ? run(process.execPath, [npm, ...words]) : run('npm', words);
  if (failure) fail(`npm ci failed: ${failure}`);
  writeFileSync(stamp, digest);
}

/** The newest change among what the build reads. */
function newest(...entries) {
  return Math.max(
    ...entries.map((entry) => {
      const found = statSync(entry);
      if (!found.isDirectory()) return found.mtimeMs;
      return newest(...readdirSync(entry).map((name) => path.join(entry, name)));
    }),
    0,
  );
}

function buildProgram() {
  const built = 'dist/cli.js';
  const changed = newest('source', 'cli.tsx', 'scripts', 'package.json');
  if (existsSync(built) && statSync(built).mtimeMs >= changed) return;
  say('setup: building');
  try {
    execFileSync('node_modules/.bin/node', ['scripts/build.ts'], { stdio: ['ignore', 2, 2] });
  } catch {
    fail('the build failed');
  }
}

installPrograms();
installPackages();
if (!forTests) buildProgram();
