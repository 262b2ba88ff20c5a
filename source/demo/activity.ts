import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import type { DemoProcesses } from './processes.ts';

/**
 * What else a team coordinates: requests that are logged, counted and limited, deployments that wait for a lock, a
 * topic with a quick and a slow subscriber, counts on their way to SQL, pictures on their way to another disk.
 */
export async function bringToLife(processes: DemoProcesses, directory: string): Promise<void> {
  const { signal } = processes;
  const lives = [
    () => logs(processes),
    () => traffic(processes),
    () => news(processes),
    () => counts(processes, directory),
    () => deployments(processes),
    () => limits(processes),
    () => pictures(processes, directory),
  ];
  const running: Promise<unknown>[] = [];
  for (const live of lives) {
    running.push(live().catch(() => {}));
    // Not all at once: each is a few processes that start.
    await wait(400, undefined, { signal });
  }
  await Promise.all(running);
}

async function logs(processes: DemoProcesses): Promise<void> {
  const info = processes.start(['log', 'write', 'web']);
  const errors = processes.start(['log', 'write', 'web', '--severity', 'error']);
  await repeat(processes, 200, (turn) => {
    for (const { every, line } of requests) if (turn % every === 0) info.stdin?.write(`${line(turn)}\n`);
    for (const { every, line } of failures) if (turn % every === 0) errors.stdin?.write(`${line(turn)}\n`);
    if (turn > 100 && turn % 6 === 0) errors.stdin?.write(`disk full writing /srv/data/${turn}\n`);
  });
}

type Kind = { readonly every: number; line(turn: number): string };

const requests: readonly Kind[] = [
  {
    every: 1,
    line: (turn) =>
      `GET /product/${turn * 7} 200 in ${(turn * 13) % 90} ms from 10.0.${turn % 9}.${turn % 251}`,
  },
  { every: 3, line: (turn) => `user ${turn % 50} signed in` },
  { every: 5, line: (turn) => `order ${4000 + turn} paid with card ending ${1000 + ((turn * 37) % 9000)}` },
];

const failures: readonly Kind[] = [
  { every: 4, line: (turn) => `upstream 10.2.0.${turn % 12}:8080 timed out after ${1000 + turn} ms` },
  { every: 7, line: (turn) => `payment ${4000 + turn} declined: insufficient funds` },
  { every: 11, line: (turn) => `429 returned to key:${(turn % 5).toString(16)}f3` },
  { every: 13, line: (turn) => `retry ${1 + (turn % 3)} of 3 for job ${turn * 17} on queue mail` },
  { every: 23, line: (turn) => `cannot open "/srv/img/${turn}.svg": permission denied` },
  { every: 31, line: (turn) => `connection to replica db${turn % 3} lost, ${turn % 7} queries retried` },
];

async function traffic(processes: DemoProcesses): Promise<void> {
  const web = processes.start(['hits', 'add', 'web', '-']);
  const api = processes.start(['hits', 'add', 'api', '-']);
  await repeat(processes, 300, (turn) => {
    web.stdin?.write(`${20 + Math.round(15 * Math.sin(turn / 20))}\n`);
    api.stdin?.write(`${5 + (turn % 7)}\n`);
  });
}

async function news(processes: DemoProcesses): Promise<void> {
  const publisher = processes.start(['topic', 'publish', 'news', '-']);
  const quick = processes.start(['topic', 'subscribe', 'news', '--as', 'sentiment_analysis']);
  const slow = processes.start([
    'topic',
    'subscribe',
    'news',
    '--as',
    'news_importance',
    '--exec',
    'sleep 0.7',
  ]);
  quick.stdout?.resume();
  slow.stdout?.resume();
  await repeat(processes, 400, (turn) => void publisher.stdin?.write(`headline ${turn}\n`));
}

async function counts(processes: DemoProcesses, directory: string): Promise<void> {
  const file = path.join(directory, 'app.db');
  const database = new DatabaseSync(file);
  database.exec('CREATE TABLE project (id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)');
  database.close();
  const counter = processes.start(['buffer', 'incr', 'project', '-']);
  processes.start(['buffer', 'flush', 'project', '--to', `sqlite:${file}`, '--every', '5s']).stdout?.resume();
  await repeat(processes, 300, (turn) => void counter.stdin?.write(`${turn % 40}\t${1 + (turn % 5)}\n`));
}

async function deployments(processes: DemoProcesses): Promise<void> {
  const deploy = async (seconds: number): Promise<void> => {
    while (!processes.signal.aborted) {
      await processes.run(['lock', 'run', 'deploy:web', '--wait', '60s', '--', 'sleep', String(seconds)]);
    }
  };
  await Promise.all([deploy(6), deploy(4)]);
}

async function limits(processes: DemoProcesses): Promise<void> {
  const subjects = ['key:7f3', 'key:7f3', 'signup', 'key:a10'];
  for (let turn = 0; !processes.signal.aborted; turn += 1) {
    const subject = subjects[turn % subjects.length] ?? '';
    const [max, per] = subject === 'key:7f3' ? ['5', '30s'] : ['20', '1m'];
    await processes.run(['limit', 'hit', subject, '--max', max, '--per', per]);
    await wait(800, undefined, { signal: processes.signal });
  }
}

async function pictures(processes: DemoProcesses, directory: string): Promise<void> {
  const base = path.join(directory, 'img');
  await mkdir(base, { recursive: true });
  await writeFile(path.join(base, 'logo.svg'), '<svg/>');
  processes
    .start(['sync', 'run', base, path.join(directory, 'cdn'), '--every', '1s', '--delete'])
    .stdout?.resume();
  processes.start(['sync', 'watch', base]);
  for (let turn = 0; !processes.signal.aborted; turn += 1) {
    await wait(1500, undefined, { signal: processes.signal });
    const file = path.join(base, `picture-${turn % 9}.svg`);
    await writeFile(file, `<svg><!-- ${turn} --></svg>`);
    if (turn % 4 === 3) await rename(file, path.join(base, `moved-${turn}.svg`));
    if (turn % 12 === 11) await rm(path.join(base, `moved-${turn}.svg`));
  }
}

/** Does it every so often until the demo ends. */
async function repeat(
  { signal }: DemoProcesses,
  everyMs: number,
  act: (turn: number) => void,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    act(turn);
    await wait(everyMs, undefined, { signal });
  }
}
