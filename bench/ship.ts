import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { look } from '../source/features/ship/channel/status.ts';
import { consume, ship } from '../source/features/ship/library.ts';
import { interleave, judged, median, printTable, startServer } from './harness.ts';

// MB/s of one log into Redis and of its lines out again, beside `redis-cli --pipe` with the same layout (values of
// 4 MiB), a raw socket, and the loops of Redis in Action by redis-py.
const MB = 1e6;
const partBytes = 4 * 1024 ** 2;
const python = '/usr/bin/python3';
const hasPython = spawnSync(python, ['-c', 'import redis']).status === 0;
if (!hasPython) process.stdout.write('python3-redis is not installed: the book\u2019s loops are left out\n');

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bench-'));
const log = path.join(directory, 'app.log');
// Lines as web servers write them, about 135 bytes each.
const text = Array.from(
  { length: 900_000 },
  (_, index) =>
    `10.0.${index % 250}.${index % 199} - - [20/Nov/2026:15:53:${10 + (index % 50)} +0000] "GET /product/${index} HTTP/1.1" 200 ${(index * 37) % 9000} "-" "Mozilla/5.0 (X11; Linux x86_64)"
`,
).join('');
const copies = 4;
for (let copy = 0; copy < copies; copy += 1) appendFileSync(log, text);
const bytes = Buffer.byteLength(text) * copies;
const commands = path.join(directory, 'commands');
const replies = writeCommands(commands);
const server = await startServer();
const { redis, socket } = server;

const figures = await interleave(5, {
  ours: shipOnce,
  pipe: async () => timed(() => shell(`redis-cli -s ${socket} --pipe < ${commands}`)),
  raw: rawSocket,
  book: async () =>
    hasPython ? Number(shell(`${python} bench/ship-book.py write ${socket} ${log} book`)) : Number.NaN,
});
const rate = (name: string): number => bytes / MB / median(figures[name] ?? []);
const row = (name: string, label: string, goal?: string): string[] => [
  label,
  rate(name).toFixed(0),
  goal ?? '',
];
printTable(`Into Redis: ${(bytes / MB).toFixed(0)} MB, unix socket, median of 5`, [
  ['', 'MB/s', 'ours over it'],
  row('ours', 'ship: budget, ledger, announcements and all'),
  row('pipe', 'redis-cli --pipe, values of 4 MiB', judged(rate('ours') / rate('pipe'), 1)),
  row('raw', 'a raw socket, the same bytes', judged(rate('ours') / rate('raw'), 0.65)),
  row('book', 'the book: APPEND of 128 KiB, redis-py', judged(rate('ours') / rate('book'), 3)),
]);

const reading = await interleave(3, {
  ours: readLines,
  book: async () =>
    hasPython ? Number(shell(`${python} bench/ship-book.py read ${socket} book`).split(' ')[0]) : Number.NaN,
});
const lines = (name: string): number => bytes / MB / median(reading[name] ?? []);
printTable('Lines out of Redis, median of 3', [
  ['', 'MB/s', 'ours over it'],
  ['ship consume, lines', lines('ours').toFixed(0), ''],
  ['the book: readlines, redis-py', lines('book').toFixed(0), judged(lines('ours') / lines('book'), 1.2)],
]);
await server.close();
rmSync(directory, { recursive: true });

/** Seconds until every part is announced; nobody reads. */
async function shipOnce(): Promise<number> {
  await redis.flushall();
  const controller = new AbortController();
  const startedAtMs = performance.now();
  const shipping = ship(redis, [log], {
    channel: 'logs:',
    consumers: 1,
    budgetBytes: 1024 ** 3,
    partBytes,
    signal: controller.signal,
  });
  for (;;) {
    const view = await look(redis, 'logs:');
    if ((view?.totals.bytes ?? 0) >= bytes) break;
    await wait(10);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  controller.abort();
  await shipping;
  return seconds;
}

/** Seconds until a consumer has had every line of what was shipped before. */
async function readLines(): Promise<number> {
  await shipOnce();
  const consuming = new AbortController();
  const startedAtMs = performance.now();
  let read = 0;
  for await (const delivery of consume(redis, 'logs:', { as: '0', signal: consuming.signal })) {
    for await (const batch of delivery.lines()) read += batch.length;
    if (delivery.isLast) break;
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  if (read !== 900_000 * copies) throw new Error(`Expected 3,600,000 lines, read ${read}`);
  // For the peer, whose turn is next.
  if (hasPython) shell(`${python} bench/ship-book.py write ${socket} ${log} book`);
  return seconds;
}

/** The log as SET commands of 4 MiB values; returns how many replies they get. */
function writeCommands(file: string): number {
  const content = readFileSync(log);
  const out = openSync(file, 'w');
  let count = 0;
  for (let at = 0; at < content.length; at += partBytes) {
    const value = content.subarray(at, at + partBytes);
    const key = `peer:${count}`;
    writeSync(out, `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n`);
    writeSync(out, value);
    writeSync(out, '\r\n');
    count += 1;
  }
  closeSync(out);
  return count;
}

async function rawSocket(): Promise<number> {
  const connection = createConnection(socket);
  const startedAtMs = performance.now();
  let answered = 0;
  const done = new Promise<void>((resolve) => {
    connection.on('data', (data) => {
      answered += data.toString().split('+OK').length - 1;
      if (answered === replies) resolve();
    });
  });
  createReadStream(commands, { highWaterMark: 1024 ** 2 }).pipe(connection, { end: false });
  await done;
  connection.destroy();
  return (performance.now() - startedAtMs) / 1000;
}

function shell(command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout.trim();
}

async function timed(act: () => unknown): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  return (performance.now() - startedAtMs) / 1000;
}
