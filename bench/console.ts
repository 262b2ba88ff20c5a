import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type IPty, spawn } from '@lydell/node-pty';
import { build } from 'esbuild';
import { Redis } from 'ioredis';
import { create } from '../source/features/chat/room/chat.ts';
import { send } from '../source/features/chat/room/send.ts';
import { interleave, judged, median, percentile, printTable, startServer } from './harness.ts';

// The console in a pseudo-terminal, beside a bundled Ink hello world in the same run. Needs `npm run build` first.

const runs = Number(process.argv[2] ?? 15);
const server = await startServer();
const url = `unix://${server.socket}`;
const cli = path.resolve('dist/cli.js');
const directory = await mkdtemp(path.join(tmpdir(), 'quarterdeck-hello-'));
const hello = path.join(directory, 'hello.mjs');

await build({
  stdin: {
    contents: `import React from 'react'; import { render, Text } from 'ink'; render(<Text>hello world</Text>);`,
    loader: 'jsx',
    resolveDir: process.cwd(),
  },
  outfile: hello,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  minify: true,
  jsx: 'transform',
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  alias: { 'react-devtools-core': './scripts/react-devtools-stub.ts' },
  banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
});
await create(server.redis, 'ops', ['ada', 'bob', 'carol']);
await send(server.redis, 'ops', 'bob', 'greetings');

function start(words: readonly string[], columns: number, rows: number): IPty {
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...env } = process.env;
  return spawn(process.execPath, [...words], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    env: env as Record<string, string>,
  });
}

const openConsole = (columns: number, rows: number): IPty =>
  start([cli, '--url', url, '--operator', 'ada'], columns, rows);

/** Milliseconds until the program has written this. */
async function until(program: IPty, text: string, sinceMs = performance.now()): Promise<number> {
  let written = '';
  const seen = Promise.withResolvers<number>();
  const stop = program.onData((data) => {
    written += data;
    if (written.includes(text)) seen.resolve(performance.now() - sinceMs);
  });
  const elapsedMs = await seen.promise;
  stop.dispose();
  return elapsedMs;
}

async function end(program: IPty): Promise<void> {
  const exited = new Promise<void>((resolve) => program.onExit(() => resolve()));
  program.kill('SIGKILL');
  await exited;
}

async function timeTo(text: string, begin: () => IPty): Promise<number> {
  const sinceMs = performance.now();
  const program = begin();
  const elapsedMs = await until(program, text, sinceMs);
  await end(program);
  return elapsedMs;
}

/** Seconds of CPU a process has used, user and system. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What a console paints and costs over some seconds. */
async function watch(program: IPty, seconds: number) {
  let written = '';
  const stop = program.onData((data) => {
    written += data;
  });
  const before = cpuSeconds(program.pid);
  await wait(seconds * 1000);
  const cpu = (cpuSeconds(program.pid) - before) / seconds;
  stop.dispose();
  const frames = written.split('\u001B[?2026h').slice(1);
  return { cpu, frames: frames.length, bytes: median(frames.map(({ length }) => length)) };
}

// What a start compiled is kept for those after it: all but the first after a build are like these.
const first = openConsole(120, 40);
await until(first, 'greetings');
await wait(3000);
await end(first);

const starts = await interleave(runs, {
  hello: () => timeTo('hello world', () => start([hello], 120, 40)),
  console: () => timeTo('greetings', () => openConsole(120, 40)),
});
const helloMs = median(starts.hello ?? []);
const consoleMs = median(starts.console ?? []);
printTable(`first data frame, 120x40, median of ${runs}`, [
  ['', 'ms', 'ratio'],
  ['bundled Ink hello world', helloMs.toFixed(0), ''],
  ['console, with data from Redis', consoleMs.toFixed(0), judged(consoleMs / helloMs, 1.2, true)],
]);

const idle = openConsole(200, 60);
await until(idle, 'greetings');
// The rates in the header settle first.
await wait(20_000);
const still = await watch(idle, 15);
await end(idle);

const busy = openConsole(200, 60);
await until(busy, 'greetings');
await wait(1500);
const sender = new Redis({ path: server.socket });
let isSending = true;
let sent = 0;
const sending = (async () => {
  const beganMs = performance.now();
  while (isSending) {
    const due = Math.floor(performance.now() - beganMs) - sent;
    await Promise.all(
      Array.from({ length: due }, (_, index) => send(sender, 'ops', 'bob', `event ${sent + index} of many`)),
    );
    sent += due;
    await wait(5);
  }
})();
await wait(1000);
const sentBefore = sent;
const loaded = await watch(busy, 10);
const eventsPerSecond = (sent - sentBefore) / 10;
isSending = false;
await sending;

const latencies: number[] = [];
await wait(1000);
busy.write('\r');
await until(busy, '▏');
for (let key = 0; key < 60; key += 1) {
  await wait(20);
  const seen = until(busy, '\u001B[?2026l');
  busy.write('x');
  latencies.push(await seen);
}
busy.write('\u0015');
await wait(200);
const burst = 'abcdefghij'.repeat(10);
busy.write(`${burst}\r`);
let heard = '';
for (let waits = 0; waits < 100 && !heard.startsWith('abc'); waits += 1) {
  await wait(20);
  const [last] = await server.redis.zrevrange('msgs:ops', 0, 0);
  heard = String(JSON.parse(last ?? '{}').message);
}
await end(busy);

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const verdict = (isMet: boolean, goal: string): string => `${goal}: ${isMet ? 'met' : 'MISSED'}`;
printTable('200x60', [
  ['', 'figure', 'goal'],
  ['idle, frames in 15 s', String(still.frames), verdict(still.frames <= 1, '0, and 1 when a minute begins')],
  ['idle, share of a core', percent(still.cpu), verdict(still.cpu <= 0.005, 'at most 0.5 %')],
  ['events a second arriving', eventsPerSecond.toFixed(0), verdict(eventsPerSecond > 950, '1000')],
  [
    '  frames a second',
    (loaded.frames / 10).toFixed(1),
    verdict(loaded.frames >= 80 && loaded.frames <= 110, '10'),
  ],
  ['  share of a core', percent(loaded.cpu), verdict(loaded.cpu <= 0.15, 'at most 15 %')],
  ['  bytes a frame, median', String(loaded.bytes), ''],
  ['key to bytes, median ms', median(latencies).toFixed(1), verdict(median(latencies) <= 10, 'at most 10')],
  [
    'key to bytes, p95 ms',
    percentile(latencies, 0.95).toFixed(1),
    verdict(percentile(latencies, 0.95) <= 25, 'at most 25'),
  ],
  [
    'keys of a burst of 100 heard',
    String(heard === burst ? 100 : heard.length),
    verdict(heard === burst, '100'),
  ],
]);

sender.disconnect();
await server.close();
rmSync(directory, { recursive: true, force: true });
