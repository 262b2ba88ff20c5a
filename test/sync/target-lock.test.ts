import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorOf, kill, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** One process serves a target; whoever comes after one that was killed need not know that it was. */

let root: string;
let base: string;
let target: string;
let runners: ChildProcess[] = [];
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  mkdirSync(base);
});
afterEach(async () => {
  for (const runner of runners) await kill(runner);
  runners = [];
  rmSync(root, { recursive: true });
});

/** A runner that has compared everything once. */
async function serving(): Promise<ChildProcess> {
  const child = start(['sync', 'run', base, target, '--json'], { url: server.url, stdin: '' });
  runners.push(child);
  child.stderr?.resume();
  if (!child.stdout) throw new Error('Expected a pipe');
  const [first] = await once(createInterface(child.stdout), 'line');
  expect(JSON.parse(first)).toMatchObject({ full: 1 });
  return child;
}

test('a runner started again after a kill -9 waits for its own lock to end', async () => {
  const { pid } = await serving();
  expect(await server.client().get(`lock:sync:${base}>${target}`)).toContain(`:${pid}:`);
  await kill(...(runners.splice(0) as [ChildProcess]));
  await serving();
});

test('a target that is served is refused to a second runner and to who wants it forgotten, saying by whom', async () => {
  const { pid } = await serving();
  const [second, forgetting] = await Promise.all([
    run(['sync', 'run', base, target, '--json'], { url: server.url }),
    run(['sync', 'forget', base, target, '--yes', '--json'], { url: server.url }),
  ]);
  for (const refused of [second, forgetting]) {
    expect(refused.code).toBe(2);
    expect(errorOf(refused)).toMatchObject({
      code: 'TARGET_IN_USE',
      message: expect.stringMatching(new RegExp(`^The target ${target} is served by \\S+:${pid} `)),
      hint: expect.stringContaining('--standby'),
    });
  }
});
