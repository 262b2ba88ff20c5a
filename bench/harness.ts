import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';

/** A private redis-server on a unix socket, without persistence. `pinned` keeps it on one core. */
export async function startServer({ pinned = false, extra = [] as string[] } = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bench-'));
  const socket = path.join(directory, 's');
  const words = ['redis-server', '--port', '0', '--unixsocket', socket, '--dir', directory, '--save', ''];
  const [program = '', ...rest] = pinned ? ['taskset', '-c', '0', ...words, ...extra] : [...words, ...extra];
  const child = spawn(program, rest, { stdio: 'ignore' });
  const redis = new Redis({ path: socket, maxRetriesPerRequest: null, retryStrategy: () => 5 });
  redis.on('error', () => {});
  await redis.ping();
  return {
    socket,
    redis,
    /**
     * Runs something with this process and the server on one core: with one command in flight two cores measure how
     * fast the scheduler wakes them. As it is where there is no taskset.
     */
    async onOneCore<Result>(run: () => Promise<Result>): Promise<Result> {
      const move = (cores: string): void => {
        for (const pid of [process.pid, child.pid])
          spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
      };
      move('0');
      try {
        return await run();
      } finally {
        move(`0-${cpus().length - 1}`);
      }
    },
    async close() {
      redis.disconnect();
      const exited = once(child, 'exit');
      child.kill();
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

/** Repetition 0 of every case, then repetition 1, and so on: what drifts, drifts for all. */
export async function interleave<Figure>(
  repetitions: number,
  cases: Readonly<Record<string, () => Promise<Figure>>>,
): Promise<Record<string, Figure[]>> {
  const figures: Record<string, Figure[]> = {};
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const [name, run] of Object.entries(cases)) {
      figures[name] ??= [];
      figures[name].push(await run());
    }
  }
  return figures;
}

/** Aligned columns; the first is text, the others are right-aligned. */
export function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  process.stdout.write(`\n${title}\n${lines.join('\n')}\n`);
}

/** `41.9 k`, `1.02 M`: three figures that matter. */
export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return value.toFixed(value < 10 ? 2 : 0);
}

/** A ratio beside the goal it has to reach. */
export function judged(ratio: number, goal: number, most = false): string {
  const rounded = Math.round(ratio * 100) / 100;
  const isMet = most ? rounded <= goal : rounded >= goal;
  return `${ratio.toFixed(2)}x (${most ? 'at most' : 'at least'} ${goal}x: ${isMet ? 'met' : 'MISSED'})`;
}
