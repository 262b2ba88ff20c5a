import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { printTable, startServer } from '../../bench/harness.ts';

// What a few bytes of gzip cost that inflate to very many, shipped and consumed: zeros without a line end, to stdout and as
// JSON lines; lines of a log, to stdout, into templates and into a command. Time has to be linear and memory flat.
// `npm run amounts -- gzip -- 32 256`: only these MiB. Needs `dist/`.

const MiB = 1024 ** 2;
const wanted = process.argv.slice(2).map(Number);
const sizes = wanted.length > 0 ? wanted : [32, 256, 1024, 4096];
/** Six bytes of JSON for each of zeros: beyond this it is only more of the same. */
const mostText = 1024;

const cli = path.resolve('dist/cli.js');
const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-amounts-'));
const preload = path.join(directory, 'memory.mjs');
writeFileSync(
  preload,
  `import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS)));`,
);

type Cost = { readonly ms: number; readonly peakBytes: number };

async function costOf(url: string, words: readonly string[]): Promise<Cost> {
  const peakFile = path.join(directory, `peak-${words[0]}`);
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, ['--import', preload, cli, 'ship', ...words], {
    env: { PATH: process.env.PATH, HOME: directory, QUARTERDECK_URL: url, PEAK_FILE: peakFile },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`ship ${words.join(' ')} ended with ${code}`);
  return { ms: performance.now() - startedAtMs, peakBytes: Number(readFileSync(peakFile, 'utf8')) * 1024 };
}

/** A mebibyte of an access log, each time another: five kinds of messages with numbers, addresses and names in them. */
function logLines(mebibyte: number): Buffer {
  const lines: string[] = [];
  for (let [line, bytes] = [0, 0]; bytes < MiB; line += 1) {
    const id = (mebibyte * 9973 + line) * 2_654_435_761;
    const [a, b, c] = [id % 251, (id >>> 8) % 251, (id >>> 16) % 9973];
    const kind = [
      `GET /api/orders/${c} 200 ${b}ms from 10.0.${a}.${b}`,
      `POST /login 401 user${c % 97} from 10.1.${b}.${a}`,
      `worker-${a % 17} took job ${id} of queue mail after ${b} ms`,
      `cache miss for key session:${id.toString(36)} on shard ${a % 8}`,
      `slow query (${c} ms) on table t${a % 11}: ${b} rows`,
    ][line % 5];
    const text = `2026-11-29T16:${String(line % 60).padStart(2, '0')}:${String(b % 60).padStart(2, '0')}Z app ${kind}\n`;
    lines.push(text);
    bytes += text.length;
  }
  return Buffer.from(
    lines
      .join('')
      .slice(0, MiB - 1)
      .concat('\n'),
  );
}

const contents = {
  zeros: () => Buffer.alloc(MiB),
  lines: logLines,
} as const;

async function write(content: keyof typeof contents, mebibytes: number): Promise<void> {
  function* blocks(): Generator<Buffer> {
    for (let mebibyte = 0; mebibyte < mebibytes; mebibyte += 1) yield contents[content](mebibyte);
  }
  await pipeline(Readable.from(blocks()), createGzip(), createWriteStream(file));
}

async function row(what: string, mebibytes: number, more: readonly string[]): Promise<string[]> {
  const server = await startServer();
  try {
    const url = `unix://${server.socket}`;
    const [shipped, consumed] = await Promise.all([
      costOf(url, ['run', file, '--channel', 'logs:', '--consumers', '1']),
      costOf(url, ['consume', 'logs:', '--as', '0', ...more]),
    ]);
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
    return [
      `${mebibytes} MiB of ${what}, ${more[0] ?? 'stdout'}`,
      `${(statSync(file).size / 1e3).toFixed(0)} kB`,
      `${(consumed.ms / 1000).toFixed(1)} s`,
      `${((consumed.ms / mebibytes) * 1024).toFixed(0)} ms/GiB`,
      megabytes(consumed.peakBytes),
      megabytes(shipped.peakBytes),
    ];
  } finally {
    await server.close();
  }
}

const file = path.join(directory, 'zeros.gz');
const rows: string[][] = [];
for (const mebibytes of sizes) {
  await write('zeros', mebibytes);
  rows.push(await row('zeros', mebibytes, []));
  if (mebibytes <= mostText) rows.push(await row('zeros', mebibytes, ['--json']));
  if (mebibytes > mostText) continue;
  await write('lines', mebibytes);
  for (const more of [[], ['--json'], ['--common', 'web'], ['--exec', 'cat >/dev/null']])
    rows.push(await row('lines', mebibytes, more));
}
rmSync(directory, { recursive: true });
printTable('gzip, shipped and consumed', [
  ['', 'file', 'time', 'of it', 'consumer at most', 'shipper at most'],
  ...rows,
]);
