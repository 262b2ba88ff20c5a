import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { spawn as spawnInTerminal } from '@lydell/node-pty';
import { makeXterm, screenLines } from '../../test/helpers/xterm.ts';

const cli = path.resolve('dist/cli.js');

export type Ran = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Of the processor: what does not grow where the machine is shared. */
  readonly cpuMs: number;
  readonly peakMiB: number;
};

/** Runs a command of Quarterdeck to its end. */
export async function quarterdeck(url: string, words: readonly string[], timeoutMs = 300_000): Promise<Ran> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [cli, ...words, '--url', url], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let peakMiB = 0;
  let cpuMs = 0;
  const looking = setInterval(() => {
    peakMiB = Math.max(peakMiB, memoryOf(child.pid, 'VmHWM'));
    cpuMs = Math.max(cpuMs, cpuMsOf(child.pid));
  }, 10);
  const ending = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(looking);
  clearTimeout(ending);
  const ms = performance.now() - startedAt;
  return { code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr, ms, cpuMs, peakMiB };
}

/** A console in a terminal, looked at for some seconds after it has had some to open. */
export async function lookAtConsole(
  url: string,
  { words = [] as readonly string[], openMs = 15_000, lookMs = 15_000, columns = 200, rows = 60 },
  onLook: () => void,
): Promise<{ readonly lines: readonly string[]; readonly peakMiB: number; readonly cpuMs: number }> {
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...env } = process.env;
  const program = spawnInTerminal(process.execPath, [cli, '--url', url, '--operator', 'ann', ...words], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    env: env as Record<string, string>,
  });
  const terminal = makeXterm(columns, rows);
  program.onData((data) => terminal.write(data));
  terminal.onData((data) => program.write(data));
  const exited = new Promise<void>((resolve) => program.onExit(() => resolve()));
  await wait(openMs);
  onLook();
  const cpuBeforeMs = cpuMsOf(program.pid);
  await wait(lookMs);
  const figures = {
    lines: screenLines(terminal),
    peakMiB: memoryOf(program.pid, 'VmHWM'),
    cpuMs: cpuMsOf(program.pid) - cpuBeforeMs,
  };
  program.kill('SIGTERM');
  await exited;
  return figures;
}

function memoryOf(pid: number | undefined, field: 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** User and system time, in the kernel's hundredths of a second. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user, system] = rest.split(' ').slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) * 10;
  } catch {
    return 0;
  }
}
