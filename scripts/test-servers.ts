import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

// npm run test:servers [-- TEST...]: the contract suites, Cluster and Sentinel, on each server that can be had here. What
// cannot is said: not run. Where a server lies is given by the environment; the one in PATH is tried in any case.

const wanted = [
  { name: 'Redis 7.0', is: /^Redis server v=7\.0/, variable: 'REDIS_7_SERVER' },
  { name: 'Redis 8', is: /^Redis server v=8/, variable: 'REDIS_8_SERVER' },
  { name: 'Valkey 8', is: /^Valkey server v=8/i, variable: 'VALKEY_8_SERVER' },
];
const given = process.argv.slice(2);
const tests = given.length > 0 ? given : ['test/contract', 'test/deployments', 'test/redis'];

/** The first line that a program prints of itself; undefined where it cannot be run. */
function versionOf(program: string): string | undefined {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    return;
  }
}

/** The tests start `redis-server` from PATH. */
function runOn(program: string): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-servers-'));
  const found = execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], {
    encoding: 'utf8',
  }).trim();
  try {
    symlinkSync(path.resolve(found), path.join(folder, 'redis-server'));
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...tests];
    return spawnSync(process.execPath, vitest, { stdio: 'inherit', env }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rows: string[] = [];
let hasFailed = false;
for (const { name, is, variable } of wanted) {
  const candidates = [process.env[variable] ?? '', 'redis-server', 'valkey-server'].filter(
    (one) => one !== '',
  );
  const program = candidates.find((one) => is.test(versionOf(one) ?? ''));
  if (program === undefined) {
    rows.push(`${name}: not run, no such server here; ${variable}=/path/to/its/server gives one`);
    continue;
  }
  const isGreen = runOn(program);
  hasFailed ||= !isGreen;
  rows.push(`${name}: ${isGreen ? 'passed' : 'FAILED'} (${versionOf(program)}; ${tests.join(' ')})`);
}
process.stdout.write(`\n${rows.join('\n')}\n`);
process.exitCode = hasFailed ? 1 : 0;
