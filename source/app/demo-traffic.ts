import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Something worth looking at: separate processes of this very program that ship real logs to three consumers round
 * after round, and report into a chat room. Nothing here touches Redis except through the commands.
 */
export type DemoTraffic = { stop(): Promise<void> };

export type DemoTrafficOptions = {
  readonly url: string;
  /** For sample logs, when this machine has none that can be read. */
  readonly directory: string;
  /** Files or directories; empty: /var/log. */
  readonly paths: readonly string[];
  readonly budgetBytes: number;
  readonly operator: string;
};

const consumers = ['0', '1', '2'];
const restMs = 1500;
const slowestBytesPerTick = 64 * 1024;
const tickMs = 20;

export async function startDemoTraffic(options: DemoTrafficOptions): Promise<DemoTraffic> {
  const stopping = new AbortController();
  const children = new Set<ChildProcess>();
  const paths = options.paths.length > 0 ? options.paths : [await defaultLogs(options.directory)];

  const start = (...words: string[]): ChildProcess => {
    const script = process.argv[1] ?? '';
    const child = spawn(process.execPath, [script, ...words, '--url', options.url], {
      stdio: ['ignore', 'pipe', 'ignore'],
      // A Ctrl-C in the terminal is for the console; it ends us, and we end them.
      detached: true,
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const say = (who: string, text: string): Promise<void> =>
    ended(start('chat', 'send', 'ops', '--as', who, '--', text));

  const rounds = async (): Promise<void> => {
    // The processes only report: nothing waits for them to read.
    const writers = 'shipper,storage,oncall';
    await ended(start('chat', 'create', 'ops', '--members', options.operator, '--writers', writers));
    await say('oncall', `${options.operator}, this is the demo: real logs, three consumers, a small budget`);
    for (let round = 1; !stopping.signal.aborted; round += 1) {
      const reading = consumers.map((id) => start('ship', 'consume', 'logs:', '--as', id));
      reading.forEach((child, index) => {
        if (index === consumers.length - 1) drainSlowly(child, stopping.signal);
        else child.stdout?.resume();
      });
      const words = ['--channel', 'logs:', '--consumers', String(consumers.length), '--recursive', '--json'];
      const sizes = ['--budget', String(options.budgetBytes), '--part', '256KiB'];
      const report = await output(start('ship', 'run', ...paths, ...words, ...sizes));
      await Promise.all(reading.map(ended));
      if (stopping.signal.aborted) return;
      await say('shipper', summaryOf(round, report));
      if (round % 5 === 0) await say('storage', 'all three copies are complete so far');
      await wait(restMs, undefined, { signal: stopping.signal });
    }
  };
  const running = rounds().catch(() => {});

  return {
    async stop() {
      stopping.abort();
      const exits = [...children].map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all([...exits, running]);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await ended(child);
  return text;
}

/** One consumer lags behind, so that there is waiting to see. */
function drainSlowly({ stdout }: ChildProcess, signal: AbortSignal): void {
  const timer = setInterval(() => {
    stdout?.read(Math.min(slowestBytesPerTick, stdout.readableLength || slowestBytesPerTick));
  }, tickMs);
  stdout?.once('close', () => clearInterval(timer));
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function summaryOf(round: number, report: string): string {
  try {
    const { files, bytes, parts } = JSON.parse(report) as { files: number; bytes: number; parts: number };
    return `round ${round}: ${files} files, ${Math.round(bytes / 1024)} KiB in ${parts} parts, all consumed`;
  } catch {
    return `round ${round} did not finish`;
  }
}

/** /var/log if something in it can be read, else samples of our own. */
async function defaultLogs(directory: string): Promise<string> {
  const system = '/var/log';
  try {
    for (const name of await readdir(system)) {
      const file = path.join(system, name);
      const found = await stat(file);
      if (!found.isFile() || found.size === 0) continue;
      await access(file, constants.R_OK);
      return system;
    }
  } catch {
    // No such directory, or not ours to read: samples then.
  }
  const samples = path.join(directory, 'logs');
  await mkdir(samples, { recursive: true });
  for (const name of ['web', 'worker', 'mail']) {
    const lines = Array.from(
      { length: 20_000 },
      (_, index) =>
        `${new Date(1.7e12 + index * 1000).toISOString()} ${name} request ${index} took ${(index * 37) % 900} ms`,
    );
    await writeFile(path.join(samples, `${name}.log`), `${lines.join('\n')}\n`);
  }
  return samples;
}
