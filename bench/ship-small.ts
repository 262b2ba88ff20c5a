import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { interleave, judged, median, printTable, startServer } from './harness.ts';

// Many small files, from a folder to one consumer: the commands `ship run` and `ship consume` beside the loops of Redis in Action by
// redis-py, one process for each side. Seconds until both have ended, starting included. Needs `dist/`.

const files = Number(process.env.FILES ?? 10_000);
const python = process.env.PYTHON ?? '/usr/bin/python3';
const hasPython = spawnSync(python, ['-c', 'import redis']).status === 0;
if (!hasPython) process.stdout.write('python3-redis is not installed: the book\u2019s loops are left out\n');

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bench-'));
const source = path.join(directory, 'in');
mkdirSync(source);
for (let index = 0; index < files; index += 1) {
  const line = `2026-01-17T10:00:00Z host-${index} request took ${index % 977} ms\n`;
  writeFileSync(path.join(source, `${index}.log`), line.repeat(20).slice(0, 1023).padEnd(1024, '\n'));
}
const server = await startServer();
const { redis, socket } = server;
let commands = 0;

const figures = await interleave(3, {
  lines: async () => await shipped([]),
  out: async () => await shipped(['--out', path.join(directory, `out-${performance.now()}`)]),
  book: async () => {
    await redis.flushall();
    const words = ['bench/ship-small-book.py', socket, source];
    return hasPython ? Number(spawnSync(python, words, { encoding: 'utf8' }).stdout) : Number.NaN;
  },
});
const seconds = (name: string): number => median(figures[name] ?? []);
const row = (name: string, label: string): string[] => [
  label,
  seconds(name).toFixed(2),
  name === 'book' ? '' : judged(seconds(name) / seconds('book'), 0.5, true),
];
printTable(`${files} files of 1 KiB, median of 3, ${commands.toFixed(1)} commands for each`, [
  ['', 'seconds', 'of the book'],
  row('lines', 'ship run, ship consume: lines to stdout'),
  row('out', 'ship run, ship consume --out'),
  row('book', 'the book, redis-py'),
]);
await server.close();
rmSync(directory, { recursive: true });

async function shipped(more: readonly string[]): Promise<number> {
  await redis.flushall();
  await redis.config('RESETSTAT');
  const startedAtMs = performance.now();
  await Promise.all([
    command(['run', source, '--channel', 'logs:', '--consumers', '1', '--budget', '64MiB']),
    command(['consume', 'logs:', '--as', '0', ...more]),
  ]);
  const took = (performance.now() - startedAtMs) / 1000;
  const stats = await redis.info('commandstats');
  const calls = Array.from(stats.matchAll(/calls=(\d+)/g), ([, count]) => Number(count));
  commands = calls.reduce((sum, count) => sum + count, 0) / files;
  return took;
}

async function command(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['dist/cli.js', 'ship', ...words], {
    env: { PATH: process.env.PATH, HOME: directory, QUARTERDECK_URL: `unix://${socket}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`ship ${words.join(' ')} ended with ${code}`);
}
