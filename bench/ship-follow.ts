import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { judged, printTable, startServer } from './harness.ts';

// `ship run --follow` beside very many files: how soon a new line arrives, after a start, after a restart and while it
// runs, and what it takes of a core while nothing is written. `npm run bench -- ship-follow -- 2000`: only so many. Needs `dist/`.

const idleSeconds = 15;
const ticksPerSecond = 100;

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bench-'));
const rows: string[][] = [];
const wanted = process.argv.slice(2).map(Number);
for (const files of wanted.length > 0 ? wanted : [2000, 3000, 10_000]) rows.push(await row(files));
rmSync(directory, { recursive: true });
printTable('Following many files, a line at a time', [
  ['', 'all there', 'next line', 'after a restart', 'CPU of that start', 'idle, of a core'],
  ...rows,
]);

async function row(files: number): Promise<string[]> {
  const source = path.join(directory, String(files));
  mkdirSync(source);
  const log = (index: number): string => path.join(source, `${index}.log`);
  for (let index = 0; index < files; index += 1) writeFileSync(log(index), `first of ${index}\n`);
  const server = await startServer();
  const started = (words: readonly string[]): ChildProcess =>
    spawn(process.execPath, ['dist/cli.js', 'ship', ...words], {
      env: { PATH: process.env.PATH, HOME: directory, QUARTERDECK_URL: `unix://${server.socket}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const follow = (): ChildProcess =>
    started(['run', source, '--follow', '--channel', 'logs:', '--consumers', '1', '--budget', '64MiB']);
  const consumer = started(['consume', 'logs:', '--as', '0']);
  const arrived = new Set<string>();
  if (consumer.stdout) createInterface(consumer.stdout).on('line', (line) => arrived.add(line));
  const until = async (holds: () => boolean): Promise<number> => {
    const startedAtMs = performance.now();
    while (!holds()) await wait(2);
    return performance.now() - startedAtMs;
  };
  const arrives = async (index: number, line: string): Promise<number> => {
    appendFileSync(log(index), `${line}\n`);
    return await until(() => arrived.has(line));
  };
  const stop = async (child: ChildProcess): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  const first = follow();
  const all = await until(() => arrived.size === files);
  const next = await arrives(files - 1, 'while it runs');
  await stop(first);
  const second = follow();
  const restarted = await arrives(7, 'after a restart');
  const cpuOfStart = cpuOf(second);
  await wait(3000);
  const before = cpuOf(second);
  await wait(idleSeconds * 1000);
  const idle = (cpuOf(second) - before) / idleSeconds;
  await stop(second);
  await stop(consumer);
  await server.close();
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  return [
    `${files} files`,
    seconds(all),
    seconds(next),
    files === 3000 ? `${seconds(restarted)}, ${judged(restarted / 1000, 1, true)}` : seconds(restarted),
    `${cpuOfStart.toFixed(2)} s`,
    files === 2000
      ? `${(idle * 100).toFixed(2)} %, ${judged(idle * 100, 1, true)}`
      : `${(idle * 100).toFixed(2)} %`,
  ];
}

/** Seconds of a core that a process has used. */
function cpuOf({ pid }: ChildProcess): number {
  const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(words[11]) + Number(words[12])) / ticksPerSecond;
}
