import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { start } from '../helpers/cli.ts';
import type { RedisServer } from '../helpers/redis-server.ts';
import { readTree } from './harness.ts';

export type KillOptions = {
  readonly server: RedisServer;
  /** What is shipped, and where the copies go: `copy-0`, `copy-1`, … */
  readonly source: string;
  readonly target: string;
  readonly consumers: number;
  readonly budget: string;
  readonly part: string;
  /** How many times somebody is killed. */
  readonly kills: number;
  /** Time between two kills, at random up to twice this. */
  readonly everyMs: number;
  readonly random: () => number;
};

export type KillReport = { readonly kills: number; readonly restarts: Readonly<Record<string, number>> };

/**
 * Ships with real processes, kills one of them with -9 again and again and starts it anew, until all have ended by
 * themselves. Every copy must then be the same as the source.
 */
export async function shipUnderFire(options: KillOptions): Promise<KillReport> {
  const { server, source, target, consumers, budget, part, kills, everyMs, random } = options;
  const common = ['--json'];
  const commands = new Map<string, string[]>([
    [
      'shipper',
      [
        'ship',
        'run',
        source,
        '--recursive',
        '--channel',
        'logs:',
        '--consumers',
        String(consumers),
        '--budget',
        budget,
        '--part',
        part,
        ...common,
      ],
    ],
    ...Array.from({ length: consumers }, (_, id): [string, string[]] => [
      `consumer ${id}`,
      ['ship', 'consume', 'logs:', '--as', String(id), '--out', path.join(target, `copy-${id}`), ...common],
    ]),
  ]);
  const running = new Map<string, ChildProcess>();
  const restarts: Record<string, number> = {};
  const failures: string[] = [];
  let killed = 0;

  const run = async (name: string, words: readonly string[]): Promise<void> => {
    for (;;) {
      const child = start(words, { url: server.url, stdin: '' });
      running.set(name, child);
      let printed = '';
      let said = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      running.delete(name);
      // Whoever has printed its result is done, even if the kill came before its end.
      if (code === 0 || printed.endsWith('}\n')) return;
      if (signal !== 'SIGKILL') {
        failures.push(`${name} ended with ${code ?? signal}: ${said}`);
        return;
      }
      restarts[name] = (restarts[name] ?? 0) + 1;
    }
  };
  const all = Promise.all([...commands].map(([name, words]) => run(name, words)));
  const shoot = async (): Promise<void> => {
    while (killed < kills && running.size > 0) {
      await wait(random() * 2 * everyMs);
      const targets = [...running.values()];
      const victim = targets[Math.floor(random() * targets.length)];
      if (victim?.kill('SIGKILL')) killed += 1;
    }
  };
  await Promise.all([all, shoot()]);
  expect(failures).toEqual([]);
  const expected = readTree(source);
  for (let id = 0; id < consumers; id += 1)
    expect(readTree(path.join(target, `copy-${id}`))).toEqual(expected);
  return { kills: killed, restarts };
}
