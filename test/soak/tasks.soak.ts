import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

// Five questions of somebody who is new here, to a server in trouble: real processes make the trouble, keys are pressed
// in a pseudo-terminal, and the answer has to stand on the screen. Prints how many keys each took and how long it was
// until the answer stood there, in a terminal of 120x40 and in one of 80x24: `npm run soak -- test/soak/tasks.soak.ts`.

type Task = {
  readonly question: string;
  /** What is pressed, in order, each once the screen shows what is beside it. */
  readonly keys: readonly (readonly [key: string, shows?: RegExp])[];
  /** The answer, all of it, as it stands on the screen. */
  readonly answer: readonly RegExp[];
  /** What happens while the console is open. */
  readonly begin?: (client: Redis, console: Play) => Promise<void>;
};
type Size = { readonly columns: number; readonly rows: number };

const mostKeys = 6;
const sizes: readonly Size[] = [
  { columns: 120, rows: 40 },
  { columns: 80, rows: 24 },
];

const tasks: readonly Task[] = [
  {
    question: 'who holds the lock deploy, since when, and who waits for it?',
    keys: [['6', /┏━ 6 lock/], ['z'], ['enter', /Esc closes detail/]],
    answer: [/deploy/, /release 4\.2/, /held +\S*\d+(\.\d+)?s/, /release 4\.3/],
  },
  {
    question: 'which subscriber is behind, and why?',
    keys: [['7', /7 topic/], ['enter']],
    answer: [/audit/, /\b500\b/, /exit 3/],
  },
  {
    question: 'why was key:7f3 limited, and until when?',
    keys: [['4', /4 limit/], ['enter']],
    answer: [/key:7f3/, /20/, /denied +5/, /resets +\S+[hms]/],
  },
  {
    question: 'what filled the budget of shipping?',
    keys: [['2', /2 ship/], ['enter']],
    answer: [/logs:/, /STALLED +consumer 1 +\d+ behind/],
  },
  {
    question: 'what changed since then?',
    keys: [
      ['t', /FROZEN at/],
      ['[', /reading \d+ of/],
    ],
    answer: [/FROZEN at \d\d:\d\d:\d\d, \d+s ago/, /[┃│] > no TTL +migra/, /reading \d+ of \d+/],
    async begin(redis, console) {
      await redis.set('lock:migrate', 'by hand');
      await redis.zadd('quarterdeck:lock', Date.now(), 'migrate');
      await console.shows(/! \d+ needs? you.*(migrate|\+\d)/);
      console.press('6');
      await console.shows(/migrate/);
      console.press(':', 'mark it is here', 'enter');
      await console.shows('Noted for an hour');
    },
  },
];

const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-tasks-'));
const children: ChildProcess[] = [];
let server: RedisServer;
let client: Redis;

function run(line: readonly string[], stdin?: string): ChildProcess {
  const child = spawn(process.execPath, [cli, '--url', server.url, ...line], {
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'ignore', 'ignore'],
  });
  child.stdin?.end(stdin);
  children.push(child);
  return child;
}
async function done(line: readonly string[], stdin?: string): Promise<void> {
  await once(run(line, stdin), 'exit');
}

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  await makeTrouble();
});
afterAll(async () => {
  const ended = children
    .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    .map((child) => {
      child.kill('SIGKILL');
      return once(child, 'exit');
    });
  await Promise.all(ended);
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function makeTrouble(): Promise<void> {
  const large = path.join(folder, 'access.log');
  writeFileSync(large, `${randomBytes(6 * 1024 * 1024).toString('base64')}\n`);
  run(['lock', 'run', 'deploy', '--ttl', '30s', '--label', 'release 4.2', '--', 'sleep', '600']);
  const orders = Array.from({ length: 500 }, (_, n) => `order ${n}\n`).join('');
  await done(['topic', 'publish', 'orders', '-'], orders);
  await done(['topic', 'subscribe', 'orders', '--as', 'audit', '--exec', 'exit 3', '--retries', '1']);
  run(['topic', 'subscribe', 'orders', '--as', 'billing', '--exec', 'true']);
  for (let n = 0; n < 25; n += 1) await done(['limit', 'hit', 'key:7f3', '--max', '20', '--per', '1d']);
  run(['ship', 'run', large, '--channel', 'logs:', '--consumers', '2', '--budget', '1MiB']);
  run(['ship', 'consume', 'logs:', '--as', '0', '--out', path.join(folder, 'copies')]);
  run(['lock', 'run', 'deploy', '--wait', '10m', '--label', 'release 4.3', '--', 'true']);
}

test.each(
  sizes.flatMap((size) =>
    tasks.map((task) => [`${size.columns}x${size.rows}`, task.question, size, task] as const),
  ),
)('at %s: %s', async (where, question, size, { keys, answer, begin }) => {
  const console = startPlay({ args: [cli, '--url', server.url], ...size });
  try {
    await console.shows(/! \d+ needs? you/);
    await console.shows(/● live/);
    await begin?.(client, console);
    const startMs = performance.now();
    for (const [key, shows] of keys) {
      console.press(key);
      if (shows) await console.shows(shows);
    }
    for (const pattern of answer) await console.shows(pattern);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(2);
    const pressed = keys.map(([key]) => key).join(' ');
    process.stdout.write(`| ${where} | ${question} | ${pressed} | ${keys.length} | ${seconds} s |\n`);
    expect(keys.length).toBeLessThanOrEqual(mostKeys);
  } finally {
    await client.del('lock:migrate');
    await console.close();
  }
});
