import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { spawn as spawnPty } from '@lydell/node-pty';
import type { Redis } from 'ioredis';
import { startServer } from '../../bench/harness.ts';
import { beside, lists, type Place, places } from '../../test/helpers/amounts.ts';

// What reading costs when somebody has stored very much: 200 MB in each place, the bytes that the server sends for it,
// the memory of the process that reads, and how long it takes. `npm run amounts -- stored -- [MB] [WORD...]`: only the places
// whose feature or name has such a word. Needs `dist/`.

const [size = '200', ...wanted] = process.argv.slice(2);
const bytes = Number(size) * 1_000_000;
const cli = path.resolve('dist/cli.js');
const watchedMs = 5000;
const longestMs = 60_000;

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-amounts-'));
const memoryFile = path.join(directory, 'kib');
const preload = path.join(directory, 'memory.mjs');
writeFileSync(
  preload,
  `import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(${JSON.stringify(memoryFile)}, String(process.resourceUsage().maxRSS)));`,
);

type Cost = { readonly sent: number; readonly memory: number; readonly ms: number; readonly end: string };

async function sentBy(redis: Redis): Promise<number> {
  for (;;) {
    try {
      return Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);
    } catch (error) {
      // A script that looks at so much takes its time.
      if (!(error instanceof Error && error.message.startsWith('BUSY'))) throw error;
      await wait(200);
    }
  }
}

const environment = (url: string) => ({
  PATH: process.env.PATH,
  HOME: directory,
  USER: 'tester',
  TERM: 'xterm-256color',
  XDG_STATE_HOME: directory,
  QUARTERDECK_URL: url,
});

/** A command to its end. */
async function costOf(redis: Redis, url: string, words: readonly string[]): Promise<Cost> {
  rmSync(memoryFile, { force: true });
  const before = await sentBy(redis);
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--import', preload, cli, ...words], {
    env: environment(url),
    stdio: 'ignore',
    timeout: longestMs,
    killSignal: 'SIGKILL',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  const ms = performance.now() - startedAt;
  const memory = code === null ? Number.NaN : Number(readFileSync(memoryFile, 'utf8')) * 1024;
  return {
    sent: (await sentBy(redis)) - before,
    memory,
    ms,
    end: code === null ? 'not done' : `exit ${code}`,
  };
}

/** The console for some seconds from its first look on: bytes of a second. */
async function costOfConsole(redis: Redis, url: string): Promise<Cost> {
  const startedAt = performance.now();
  const console = spawnPty(process.execPath, [cli], {
    name: 'xterm-256color',
    cols: 120,
    rows: 40,
    env: environment(url) as Record<string, string>,
  });
  let end = '';
  console.onData(() => {});
  console.onExit(({ exitCode }) => {
    end = `exit ${exitCode}`;
  });
  await wait(3000);
  const before = await sentBy(redis);
  const beganAt = performance.now();
  await wait(watchedMs);
  const sent = ((await sentBy(redis)) - before) / ((performance.now() - beganAt) / 1000);
  const memory =
    Number(
      /VmHWM:\s+(\d+)/.exec(end === '' ? readFileSync(`/proc/${console.pid}/status`, 'utf8') : '')?.[1],
    ) * 1024;
  if (end === '') {
    const ended = new Promise<void>((resolve) => console.onExit(() => resolve()));
    console.kill('SIGTERM');
    await ended;
    end = 'open';
  }
  return { sent, memory, ms: performance.now() - startedAt, end };
}

function amount(value: number): string {
  if (Number.isNaN(value)) return '?';
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${Math.round(value / 1000)} kB`;
}

async function measure({ noun, what, put }: Place): Promise<void> {
  const server = await startServer();
  const url = `unix://${server.socket}`;
  try {
    for (const words of beside)
      spawnSync(process.execPath, [cli, ...words], { env: environment(url), stdio: 'ignore' });
    await put(server.redis, bytes);
    const questions = [
      ...(lists[noun] ?? []),
      ['snapshot', '--json'],
      ['doctor', '--json'],
      ['needs', '--json'],
      ['watch', '--fail-if', 'server.clients > 0'],
    ];
    const rows: [string, Cost][] = [];
    for (const words of questions)
      rows.push([words.slice(0, 2).join(' '), await costOf(server.redis, url, words)]);
    rows.push(['console, a second', await costOfConsole(server.redis, url)]);
    for (const [name, { sent, memory, ms, end }] of rows) {
      const cells = [
        `${noun}: ${what}`,
        name,
        amount(sent),
        amount(memory),
        `${(ms / 1000).toFixed(1)} s`,
        end,
      ];
      process.stdout.write(`| ${cells.join(' | ')} |\n`);
    }
  } finally {
    await server.close();
  }
}

process.stdout.write(`${amount(bytes)} in each place; sent: by the server\n\n`);
process.stdout.write('| place | asked by | sent | memory | time | end |\n|---|---|---|---|---|---|\n');
const nothing: Place = { noun: 'all', what: 'nothing large', isMany: false, put: async () => {} };
const chosen = [nothing, ...places].filter(
  ({ noun, what }) => wanted.length === 0 || wanted.some((word) => `${noun}: ${what}`.includes(word)),
);
for (const place of chosen) await measure(place);
rmSync(directory, { recursive: true, force: true });
