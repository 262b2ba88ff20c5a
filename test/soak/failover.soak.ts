import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { targetName } from '../../source/features/sync/keys.ts';
import { notify } from '../../source/features/sync/watcher/watch.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { finished, start } from '../helpers/cli.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { doomed, isDoomed, type Load, loadsOn, run } from './failover-loads.ts';

const difference = (base: string, target: string): string =>
  spawnSync('diff', ['-r', base, target], { encoding: 'utf8' }).stdout;

/** The longest time in which a figure did not change, until `until` says that it need not any more. */
async function longestStill(figure: () => number, until: AbortSignal): Promise<number> {
  let [longestMs, last, sinceMs] = [0, figure(), performance.now()];
  while (!until.aborted) {
    await wait(20);
    const now = figure();
    if (now !== last) [last, sinceMs] = [now, performance.now()];
    longestMs = Math.max(longestMs, performance.now() - sinceMs);
  }
  return Math.round(longestMs);
}

function bytesIn(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.reduce((sum, entry) => {
    const found =
      entry.isFile() && statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    return sum + (found ? found.size : 0);
  }, 0);
}

/** Ships for about twenty seconds through a small budget to two consumers, each a process of its own. */
function shipping(directory: string, flags: readonly string[]) {
  const base = path.join(directory, 'logs');
  mkdirSync(base);
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a log that is shipped\n`);
  for (let file = 0; file < 200; file += 1) writeFileSync(path.join(base, `${file}.log`), lines.join(''));
  const channel = doomed('logs:');
  const outs = ['0', '1'].map((id) => path.join(directory, `out-${id}`));
  for (const out of outs) mkdirSync(out);
  const words = ['ship', 'run', base, '--channel', channel, '--consumers', '2'];
  const children = [
    ...outs.map((out, id) => start(['ship', 'consume', channel, '--as', String(id), '--out', out, ...flags])),
    start([...words, '--budget', '1MiB', '--part', '256KiB', '--json', ...flags]),
  ];
  for (const child of children) child.stdin?.end();
  const over = new AbortController();
  const startedAtMs = performance.now();
  const done = Promise.all(children.map(finished)).finally(() => over.abort());
  const stillMs = longestStill(() => outs.reduce((sum, out) => sum + bytesIn(out), 0), over.signal);
  return {
    async end() {
      const results = await done;
      const tookMs = Math.round(performance.now() - startedAtMs);
      expect(
        results.map(({ code, stderr }) => ({ code, stderr })),
        'ship',
      ).toMatchObject([{ code: 0 }, { code: 0 }, { code: 0 }]);
      const { peakBytes, budgetBytes } = JSON.parse(results[2]?.stdout ?? '{}') as Record<string, number>;
      expect(peakBytes, 'the budget').toBeLessThanOrEqual(budgetBytes ?? 0);
      for (const out of outs) expect(difference(base, out), 'whole copies').toBe('');
      return { tookMs, longestGapMs: await stillMs, peakBytes, budgetBytes };
    },
  };
}

/** A runner that follows what is notified, with its topic and its lock on the primary that dies. */
async function syncing({ ask: redis }: Connection, directory: string, flags: readonly string[]) {
  const base = path.join(directory, 'base');
  mkdirSync(base);
  const targets = Array.from({ length: 100 }, (_, salt) => path.join(directory, `target-${salt}`));
  const target = targets.find((each) => isDoomed(`lock:{${targetName(base, each)}}`));
  if (target === undefined) throw new Error('Expected one of a hundred names on the first primary');
  mkdirSync(target);
  const channel = doomed('new_files');
  const words = ['sync', 'run', base, target, '--channel', channel, '--every', '200ms', '--json', ...flags];
  const begin = () => {
    const child = start([...words, '--full-every', '1h'], { stdin: '' });
    const events: Record<string, number>[] = [];
    child.stdout?.on('data', (data) => {
      for (const line of String(data).trim().split('\n'))
        events.push(JSON.parse(line) as Record<string, number>);
    });
    return { child, events, ended: finished(child) };
  };
  const runner = begin();
  await expect.poll(() => runner.events.some(({ full }) => full === 1), { timeout: 20_000 }).toBe(true);
  const over = new AbortController();
  const stillMs = longestStill(() => readdirSync(target).length, over.signal);
  const load: Load = {
    async act(turn) {
      writeFileSync(path.join(base, `${turn}.txt`), `turn ${turn}`);
      await notify(redis, channel, [`${turn}.txt`], { base });
      await wait(20);
    },
    async count(acknowledged) {
      over.abort();
      const last = path.join(target, `${acknowledged - 1}.txt`);
      await expect
        .poll(() => statSync(last, { throwIfNoEntry: false })?.isFile(), { timeout: 30_000 })
        .toBe(true);
      const missing = acknowledged - readdirSync(target).filter((file) => /^\d+\.txt$/.test(file)).length;
      runner.child.kill('SIGTERM');
      expect((await runner.ended).code).toBe(143);
      // What no event reported, the next full comparison finds.
      const next = begin();
      await expect.poll(() => difference(base, target), { timeout: 30_000 }).toBe('');
      next.child.kill('SIGTERM');
      await next.ended;
      return { lost: missing, twice: 0 };
    },
  };
  return { load, arrivals: stillMs };
}

/**
 * With its replica up to date, and as if the network to it had broken: what was acknowledged in the half second before
 * the primary dies is then lost for certain.
 */
const rounds = [
  ['its replica up to date', 0],
  ['its replica half a second behind', 500],
  ['its replica up to date', 0],
  ['its replica half a second behind', 500],
  ['its replica up to date', 0],
  ['its replica half a second behind', 500],
] as const;

test.each(rounds)('one primary of three dies under the load of every feature, %s', async (_, behindMs) => {
  const cluster = await startCluster({ replicasEach: 1 });
  const flags = [...cluster.urls.flatMap((url) => ['--url', url]), '--cluster'];
  const [connection] = connect(readConfig({ url: [...cluster.urls], cluster: true }, {}));
  if (!connection) throw new Error('No connection');
  await connection.ready(10_000);
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-failover-'));

  const sync = await syncing(connection, directory, flags);
  const loads: Readonly<Record<string, Load>> = { ...(await loadsOn(connection)), sync: sync.load };
  const ship = shipping(directory, flags);
  const ended = new AbortController();
  const running = Object.entries(loads).map(([name, load]) =>
    run(load, ended.signal).then((served) => ({ name, load, served })),
  );
  await wait(3000);
  const [replica] = cluster.replicas;
  if (behindMs > 0) {
    replica?.signal('SIGSTOP');
    // What lies in its socket it would still take in: from here on nothing is sent.
    await cluster.primaries[0]?.client().call('CLIENT', 'KILL', 'TYPE', 'replica');
  }
  await wait(behindMs);
  await cluster.primaries[0]?.stop('SIGKILL');
  if (behindMs > 0) replica?.signal('SIGCONT');
  await wait(12_000);
  ended.abort();

  const report: Record<string, unknown> = {};
  for (const { name, load, served } of await Promise.all(running)) {
    const outcome = await load.count(served.acknowledged);
    report[name] = { ...served, ...outcome };
    expect(served.longestGapMs, name).toBeLessThan(10_000);
    expect(served.acknowledged, name).toBeGreaterThan(100);
  }
  report.arrivals = { longestGapMs: await sync.arrivals };
  report.ship = await ship.end();
  console.log(JSON.stringify({ behindMs, ...report }));

  connection.close();
  await cluster.close();
  rmSync(directory, { recursive: true });
});
