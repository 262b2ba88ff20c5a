import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { chosenFeatures, takeSnapshot } from '../commands/snapshot.ts';
import { defineCommand, flagOr, list } from '../features/feature.ts';
import { connect } from '../redis/connection/connect.ts';
import { startEmbedded } from '../redis/embedded.ts';
import { sizeBytes } from '../values.ts';
import { bringToLife } from './activity.ts';
import { type DemoProcesses, demoProcesses } from './processes.ts';
import { shipRounds } from './shipping.ts';

const looksAfterMs = 10_000;

/** The console over a private server on which real processes ship this machine's logs and talk about it. */
export const demoCommand = defineCommand({
  verb: 'demo',
  summary:
    'ship the logs of this machine on a private redis-server and look on; without a terminal, a snapshot after 10s',
  words: { paths: list('PATH', 'files or directories to ship (/var/log)', v.string()) },
  flags: { budget: flagOr('SIZE', 'bytes of Redis that shipping may use', sizeBytes, '4MiB') },
  writes: true,
  endsWithinMs: 4000,
  offline: true,
  async run(context, { paths, budget }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'quarterdeck-demo-'));
    const url = await startEmbedded({ embeddedDirectory: directory });
    const ownServer = { urls: [url], embedded: false, cluster: false, sentinel: undefined };
    const sources = Object.fromEntries(Object.keys(ownServer).map((name) => [name, 'demo']));
    const config = { ...context.config, ...ownServer, sources: { ...context.config.sources, ...sources } };
    const processes = demoProcesses(url);
    const shipping = { directory, paths, budgetBytes: budget, operator: config.operator };
    const busy = Promise.allSettled([shipRounds(processes, shipping), enliven(processes, directory)]);
    try {
      if (process.stdout.isTTY && process.stdin.isTTY && !config.json) {
        const { runConsole } = await import('../console/painted.ts');
        return { text: '', exitCode: await runConsole(config) };
      }
      const [connection] = connect(config);
      if (!connection) throw new Error('No connection to the private server');
      try {
        await connection.ready(config.timeoutMs);
        await wait(looksAfterMs, undefined, { signal: context.signal });
        const shown = { ...context, redis: connection.ask, connections: [connection] as const, config };
        const chosen = await chosenFeatures(undefined);
        const json = await takeSnapshot(shown, chosen);
        if (config.json) return { json, text: '' };
        return { json, text: await context.printFrame(shown, chosen, { columns: 120, rows: 40 }) };
      } finally {
        connection.close();
      }
    } finally {
      await processes.stop();
      await busy;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    }
  },
});

/** Shipping first: it is what a look after ten seconds has to show. */
async function enliven(processes: DemoProcesses, directory: string): Promise<void> {
  await wait(2500, undefined, { signal: processes.signal });
  await bringToLife(processes, directory);
}
