import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Processes of this very program, each one command against the demo's server; all end with the demo. */
export type DemoProcesses = {
  /** Aborted when the demo ends. */
  readonly signal: AbortSignal;
  start(words: readonly string[]): ChildProcess;
  /** Runs a command to its end; resolves with what it printed. */
  run(words: readonly string[]): Promise<string>;
  stop(): Promise<void>;
};

export function demoProcesses(url: string): DemoProcesses {
  const stopping = new AbortController();
  const children = new Set<ChildProcess>();

  const start = (words: readonly string[]): ChildProcess => {
    const end = words.indexOf('--');
    const split = end === -1 ? words.length : end;
    const all = [process.argv[1] ?? '', ...words.slice(0, split), '--url', url, ...words.slice(split)];
    const child = spawn(process.execPath, all, {
      stdio: ['pipe', 'pipe', 'ignore'],
      // A Ctrl-C in the terminal is for the console; it ends us, and we end them.
      detached: true,
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    // One that has ended no longer reads.
    child.stdin?.on('error', () => {});
    return child;
  };

  return {
    signal: stopping.signal,
    start,
    async run(words) {
      const child = start(words);
      child.stdin?.end();
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      await once(child, 'close');
      return text;
    },
    async stop() {
      stopping.abort();
      const exits = [...children].map((child) => once(child, 'exit'));
      for (const child of children) {
        // Nobody reads on: what still wants to be printed need not be waited for.
        child.stdout?.destroy();
        child.kill('SIGTERM');
      }
      await Promise.all(exits);
    },
  };
}
