import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { counted, formatBytes } from '../ui/format.ts';
import type { DemoProcesses } from './processes.ts';

export type DemoShipping = {
  /** For sample logs, when this machine has few that can be read. */
  readonly directory: string;
  /** Files or directories; empty: /var/log. */
  readonly paths: readonly string[];
  readonly budgetBytes: number;
  readonly operator: string;
};

const consumers = ['0', '1', '2'];
const restMs = 1500;
const tickMs = 100;
/** How fast the slow consumer reads in the first round, of which nobody knows yet how much it is. */
const firstBytesPerTick = 320 * 1024;
/** How long it takes it to read a round after that: long enough to see the budget fill and empty. */
const roundMs = 12_000;
const enoughBytes = 4 * 1024 * 1024;

/** Ships real logs to three consumers round after round, and reports each round into a chat room; until stopped. */
export async function shipRounds(processes: DemoProcesses, options: DemoShipping): Promise<void> {
  const { signal } = processes;
  const paths = options.paths.length > 0 ? options.paths : await defaultLogs(options.directory);
  const say = (who: string, text: string): Promise<unknown> =>
    processes.run(['chat', 'send', 'ops', '--as', who, '--', text]);

  // The processes only report: nothing waits for them to read.
  const writers = 'shipper,storage,oncall';
  await processes.run(['chat', 'create', 'ops', '--members', options.operator, '--writers', writers]);
  await say('oncall', `${options.operator}, this is the demo: real logs, three consumers, a small budget`);
  let bytesPerTick = firstBytesPerTick;
  for (let round = 1; !signal.aborted; round += 1) {
    const reading = consumers.map((id) => processes.start(['ship', 'consume', 'logs:', '--as', id]));
    for (const [index, child] of reading.entries()) {
      if (index === consumers.length - 1) drainSlowly(child, bytesPerTick, signal);
      else child.stdout?.resume();
    }
    const words = ['--channel', 'logs:', '--consumers', String(consumers.length), '--recursive', '--json'];
    const sizes = ['--budget', String(options.budgetBytes), '--part', '128KiB'];
    const report = await processes.run(['ship', 'run', ...paths, ...words, ...sizes]);
    await Promise.all(reading.map(ended));
    if (signal.aborted) return;
    const done = parseReport(report);
    if (done) bytesPerTick = Math.min(firstBytesPerTick, Math.ceil((done.bytes * tickMs) / roundMs));
    await say('shipper', summaryOf(round, done));
    if (round % 5 === 0) await say('storage', 'all three copies are complete so far');
    await wait(restMs, undefined, { signal });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** One consumer lags behind, so that there is waiting to see. */
function drainSlowly({ stdout }: ChildProcess, bytesPerTick: number, signal: AbortSignal): void {
  const timer = setInterval(() => {
    stdout?.read(Math.min(bytesPerTick, stdout.readableLength || bytesPerTick));
  }, tickMs);
  stdout?.once('close', () => clearInterval(timer));
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

const reportSchema = v.object({ files: v.number(), bytes: v.number(), parts: v.number() });
type Report = v.InferOutput<typeof reportSchema>;

/** What `ship run --json` printed; nothing when it was stopped before its end. */
function parseReport(text: string): Report | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), reportSchema), text);
  return parsed.success ? parsed.output : undefined;
}

function summaryOf(round: number, done: Report | undefined): string {
  if (!done) return `round ${round} did not finish`;
  const { files, bytes, parts } = done;
  return `round ${round}: ${counted(files, 'file')}, ${formatBytes(bytes)} in ${counted(parts, 'part')}, all consumed`;
}

/** What can be read in /var/log, and samples beside it when that is too little to see anything of. */
async function defaultLogs(directory: string): Promise<readonly string[]> {
  const system = '/var/log';
  const found = await readableBytes(system);
  if (found >= enoughBytes) return [system];
  const samples = await writeSamples(directory);
  return found === 0 ? [samples] : [system, samples];
}

async function readableBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    try {
      const found = await stat(file);
      if (!found.isFile()) continue;
      await access(file, constants.R_OK);
      bytes += found.size;
    } catch {
      // Gone, or not ours to read.
    }
  }
  return bytes;
}

async function writeSamples(directory: string): Promise<string> {
  const samples = path.join(directory, 'logs');
  await mkdir(samples, { recursive: true });
  for (const name of ['web', 'worker', 'mail']) {
    const lines = Array.from(
      { length: 40_000 },
      (_, index) =>
        `${new Date(1.7e12 + index * 1000).toISOString()} ${name} request ${index} took ${(index * 37) % 900} ms`,
    );
    await writeFile(path.join(samples, `${name}.log`), `${lines.join('\n')}\n`);
  }
  return samples;
}
