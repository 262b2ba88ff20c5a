import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { printTable, startServer } from '../../bench/harness.ts';

// What a few bytes of gzip cost that inflate to very many: zeros without a line end, shipped and consumed, to stdout and as
// JSON lines. Time has to be linear and memory flat. `npm run amounts -- gzip -- 32 256`: only these MiB. Needs `dist/`.

const MiB = 1024 ** 2;
const wanted = process.argv.slice(2).map(Number);
const sizes = wanted.length > 0 ? wanted : [32, 256, 1024, 4096];
/** Six bytes of JSON for each of zeros: beyond this it is only more of the same. */
const mostJson = 1024;

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

async function writeZeros(file: string, mebibytes: number): Promise<void> {
  const zeros = Buffer.alloc(MiB);
  const blocks = Array.from({ length: mebibytes }, () => zeros);
  await pipeline(Readable.from(blocks), createGzip({ level: 9 }), createWriteStream(file));
}

async function row(mebibytes: number, more: readonly string[]): Promise<string[]> {
  const server = await startServer();
  try {
    const url = `unix://${server.socket}`;
    const [shipped, consumed] = await Promise.all([
      costOf(url, ['run', file, '--channel', 'logs:', '--consumers', '1']),
      costOf(url, ['consume', 'logs:', '--as', '0', ...more]),
    ]);
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
    return [
      `${mebibytes} MiB, ${more.length > 0 ? 'JSON' : 'stdout'}`,
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
  await writeZeros(file, mebibytes);
  rows.push(await row(mebibytes, []));
  if (mebibytes <= mostJson) rows.push(await row(mebibytes, ['--json']));
}
rmSync(directory, { recursive: true });
printTable('Zeros in gzip, shipped and consumed', [
  ['', 'file', 'time', 'of it', 'consumer at most', 'shipper at most'],
  ...rows,
]);
