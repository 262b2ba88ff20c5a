import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { readLua } from '../../scripts/read-lua.ts';
import { endedBy } from '../../source/cli/ending.ts';
import { existsAs, registryKey, trimRegistry } from '../../source/redis/registry.ts';
import { withRightsChecked } from '../../source/redis/script.ts';
import { runHere } from '../helpers/batch.ts';
import { run } from '../helpers/cli.ts';
import type { RedisServer } from '../helpers/redis-server.ts';

/** A command that some client sent, and when the server ran it. */
export type Sent = { readonly atUs: number; readonly words: readonly Buffer[] };

export type Script = { readonly file: string; readonly lua: string };

/** Every script of ours. */
export const scripts: readonly Script[] = globSync('source/**/*.lua').flatMap((file) => {
  const { text: lua } = readLua(file);
  return lua.startsWith('#!lua') ? [{ file, lua }] : [];
});

const byCode = new Map(
  scripts.flatMap((script) => [
    [codeOf(script.lua), script],
    [codeOf(withRightsChecked(script.lua)), script],
  ]),
);
const byDigest = new Map<string, Script>();

/** Which script this is, by the text it was sent with, or by its digest once the text was. */
export function scriptOf(textOrDigest: string): Script | undefined {
  const known = byDigest.get(textOrDigest) ?? byCode.get(codeOf(textOrDigest));
  if (known) byDigest.set(createHash('sha1').update(textOrDigest).digest('hex'), known);
  return known;
}

/** Without what the build leaves out: comments. `limit peek` runs the script of `limit hit` under another flag. */
function codeOf(lua: string): string {
  return lua
    .replace(/^#!lua.*/, '')
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/\s+/g, ' ');
}

/** What all clients of a server sent, in the order in which it ran, without what scripts call. */
export async function record(server: RedisServer, act: () => Promise<void>): Promise<readonly Sent[]> {
  const monitor = createConnection(server.socket);
  const chunks: Buffer[] = [];
  const started = new Promise<void>((resolve) => {
    monitor.on('data', (chunk) => {
      chunks.push(chunk);
      resolve();
    });
  });
  monitor.write('MONITOR\r\n');
  await started;
  await act();
  // What was sent so far has been read once this has.
  const end = `end-of-recording-${Math.random()}`;
  await server.client().echo(end);
  while (!Buffer.concat(chunks).includes(end)) await new Promise((resolve) => setTimeout(resolve, 10));
  monitor.destroy();
  return Buffer.concat(chunks)
    .toString('latin1')
    .split('\r\n')
    .flatMap((line) => parseLine(line) ?? []);
}

/** `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`; bytes that cannot be printed are written `\xff`. */
function parseLine(line: string): Sent | undefined {
  const [, seconds, micros, source, rest = ''] = /^\+(\d+)\.(\d+) \[\d+ (\S+)\] (.*)$/.exec(line) ?? [];
  if (seconds === undefined || source === 'lua') return;
  const words = Array.from(rest.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, quoted = '']) =>
    Buffer.from(
      quoted.replaceAll(/\\(x[0-9a-f]{2}|.)/g, (_, escaped: string) =>
        escaped.length > 1
          ? String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
          : (escapes[escaped] ?? escaped),
      ),
      'latin1',
    ),
  );
  return { atUs: Number(seconds) * 1e6 + Number(micros), words };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' };

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

/** Something of everything, by the command line, whose words do not change. */
export async function exerciseAll(url: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-contract-'));
  const logs = path.join(folder, 'logs');
  const base = path.join(folder, 'base');
  for (const one of [logs, base]) mkdirSync(one);
  for (const name of ['a.log', 'b.log']) writeFileSync(path.join(logs, name), 'one line\n'.repeat(500));
  writeFileSync(path.join(base, 'file'), 'content');
  const env = { XDG_STATE_HOME: folder, XDG_CACHE_HOME: folder };
  const qd = async (words: string, stdin = ''): Promise<string> => {
    // What starts threads needs the built file.
    const runIt = words.startsWith('lock run') ? run : runHere;
    const ran = await runIt(words.split(' '), { url, stdin, env });
    if (ran.code !== 0 && ran.code !== 1) throw new Error(`${words}: ${ran.code} ${ran.stderr}`);
    return ran.stdout;
  };
  const inBackground = (words: string) => {
    const controller = new AbortController();
    const ended = runHere(words.split(' '), { url, env, ended: controller.signal });
    return {
      ended,
      stop() {
        controller.abort(endedBy('SIGTERM'));
        return ended;
      },
    };
  };
  const json = async (words: string): Promise<Record<string, string>> =>
    JSON.parse(await qd(`${words} --json`)) as Record<string, string>;

  try {
    await qd('chat create ops --members ann,bob');
    await qd('chat create ops --members cat');
    await qd('chat send ops hello --as ann');
    await qd('chat send ops - --as ann', 'one\ntwo\n');
    await qd('chat pin ops 1 --as ann');
    await qd('chat unpin ops 1 --as ann');
    await qd('chat here ops --as bob');
    await qd('chat read ops --as bob --peek');
    await qd('chat read ops --as bob');
    await qd('chat join ops --as dan');
    await qd('chat leave ops --as dan');
    await qd('chat create gone --members eve');
    await qd('chat create gone --members ann');
    await qd('chat send gone bye --as eve');
    await qd('chat pin gone 1 --as eve');
    await qd('chat leave gone --as ann');
    await qd('chat leave gone --as eve');

    await qd('log write app', 'one\ntwo\none\n');
    await qd('log write app --severity error failed');
    await qd('log write raw --raw plain');
    await qd('log common app');
    await qd('log recent app');

    for (const algorithm of ['fixed', 'sliding', 'gcra']) {
      const words = `limited --max 2 --per 30d --algorithm ${algorithm}`;
      for (const command of ['hit', 'hit', 'hit', 'peek']) await qd(`limit ${command} ${words}`);
    }
    const { undo = '' } = await json('limit reset limited');
    await qd('limit hit limited --max 2 --per 30d --algorithm gcra');
    await qd(`limit restore limited ${undo}`);
    await qd('limit reset limited');
    await qd('limit hit again --max 2 --per 30d');

    await qd('hits add visits 3');
    await qd('hits add visits 2');
    await qd('hits sum visits');
    await qd('hits series visits --step 10s --since 1h');
    await qd('hits add seeded 3 --layout seed');
    await qd('hits sum seeded --layout seed');

    const { token = '' } = await json('lock acquire deploy --ttl 1m');
    await qd('lock acquire deploy --ttl 1m');
    await qd(`lock extend deploy ${token} --ttl 30m`);
    const waiter = inBackground('lock acquire deploy --ttl 1m --wait 30s');
    while (!(await qd('lock list --json')).includes('waitedMs')) await pause();
    await qd(`lock release deploy ${token}`);
    await waiter.ended;
    await qd('lock break deploy --yes');
    await qd('lock run job -- true');
    // Names that nobody used for long, one of them of a lock that is there.
    const client = new Redis(url.replace('unix://', ''));
    try {
      await qd('lock acquire kept --ttl 1h');
      await client.zadd(registryKey('lock'), 1, 'gone', 2, 'kept');
      await trimRegistry(client, 'lock', existsAs('lock:*', 'lock-queue:*'));
      await client.set('logs:gone.log:done', '2');
    } finally {
      client.disconnect();
    }

    await qd('topic publish orders a');
    await qd('topic publish orders -', 'b\nc\n');
    await qd('topic subscribe orders --as one --from start --until-caught-up');
    await qd('topic publish orders d');
    await qd('topic subscribe orders --as one --until-caught-up');
    await qd('topic subscribe orders --as two --from start --until-caught-up');
    await qd('topic status');
    await qd('topic subscribe orders --as three --from start --until-caught-up');
    await qd('topic publish orders bad');
    await qd('topic subscribe orders --as three --until-caught-up --exec false --retries 0 --aside 5');
    await qd('topic aside orders');
    await qd('topic retry orders three --all --exec true');
    await qd('topic drop orders two --yes');
    await qd('topic publish news x --layout seed');
    await qd('topic subscribe news --as one --from start --until-caught-up --layout seed');
    await qd('topic publish news y --layout seed');
    await qd('topic subscribe news --as one --until-caught-up --layout seed');
    await qd('topic status --layout seed').catch(() => {});

    await qd('buffer incr project 7 3');
    await qd('buffer incr project -', '7\t2\n8\t1\n');
    await qd('buffer pending');
    const file = path.join(folder, 'counts.db');
    new DatabaseSync(file).exec(
      "create table project (id text primary key check (id not like 'bad%'), count integer not null default 0)",
    );
    await qd(`buffer flush project --to sqlite:${file}`);
    await qd('buffer incr project 9 1');
    await qd('buffer incr project -', 'bad1\t2\nbad2\t1\n7\t1\n');
    await qd(`buffer flush project --to sqlite:${file}`);
    await qd('buffer aside project');
    await qd('buffer retry project bad1');
    await qd('buffer retry project --all');
    await qd(`buffer flush project --to sqlite:${file}`);
    await qd('buffer drop project bad2 --yes');
    await qd('buffer drop project --all --yes');

    const shipped = inBackground(`ship run ${logs} --channel logs: --consumers 2 --budget 1MiB --part 64KiB`);
    const isOpen = async (channel: string) => (await qd('ship status --json')).includes(`"${channel}"`);
    while (!(await isOpen('logs:'))) await pause();
    const consumers = ['0', '1'].map((id) =>
      inBackground(`ship consume logs: --as ${id} --out ${path.join(folder, id)}`),
    );
    await shipped.ended;
    for (const { ended } of consumers) await ended;
    const alone = inBackground(`ship run ${logs} --channel more: --consumers 2 --budget 1MiB --part 64KiB`);
    while (!(await isOpen('more:'))) await pause();
    await inBackground(`ship consume more: --as 0 --out ${path.join(folder, 'more')}`).ended;
    await qd('ship status');
    await qd('ship forget more: 1').catch(() => {});
    await alone.ended;

    const small = path.join(folder, 'small');
    mkdirSync(small);
    for (let index = 0; index < 6; index += 1) writeFileSync(path.join(small, `${index}.log`), 'one line\n');
    const packed = inBackground(`ship run ${small} --channel small: --consumers 1 --budget 1MiB`);
    while (!(await isOpen('small:'))) await pause();
    await qd(`ship consume small: --as 0 --out ${path.join(folder, 'copies')}`);
    await packed.ended;

    const poisoned = inBackground(`ship run ${logs} --channel bad: --consumers 1 --budget 1MiB --part 64KiB`);
    while (!(await isOpen('bad:'))) await pause();
    await qd('ship consume bad: --as 0 --retries 0 --exec false').catch(() => {});
    const asides = JSON.parse(await qd('ship aside bad: --json')) as { part: string }[];
    const [one, ...others] = asides.map(({ part }) => part);
    await qd(`ship retry bad: 0 ${one}`);
    for (const part of others) await qd(`ship drop bad: 0 ${part} --yes`);
    await qd('ship consume bad: --as 0 --exec true');
    await poisoned.ended;

    const follow = (): ReturnType<typeof inBackground> =>
      inBackground(`ship run ${logs} --channel kept: --consumers 1 --budget 1MiB --part 64KiB --follow`);
    const first = follow();
    while (!(await isOpen('kept:'))) await pause();
    await inBackground(`ship consume kept: --as 0 --out ${path.join(folder, 'kept')}`).stop();
    await appears(url, 'ship-who:kept:', 2);
    renameSync(path.join(logs, 'a.log'), path.join(logs, 'a.log.1'));
    writeFileSync(path.join(logs, 'a.log'), '');
    await appears(url, 'ship-who:kept:', 2);
    await first.stop();
    await abandon(url, 'kept:');
    const second = follow();
    await appears(url, 'ship-who:kept:', 2);
    await second.stop();

    await qd(`sync notify file --base ${base}`);
    const sync = inBackground(`sync run ${base} ${path.join(folder, 'target')} --every 200ms`);
    while (!(await qd('sync status --json')).includes('"synced":1')) await pause();
    await sync.stop();

    await qd('snapshot --json');
    await qd('doctor --json');
    await qd('doctor --fix');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves once what a hash holds has changed so often. */
async function appears(url: string, key: string, times: number): Promise<void> {
  const client = new Redis(url.replace('unix://', ''));
  try {
    const values = new Set<string>();
    while (values.size <= times) {
      values.add(JSON.stringify(await client.hgetall(key)));
      await pause();
    }
  } finally {
    client.disconnect();
  }
}

/** A part that a shipper was writing when it was lost. */
async function abandon(url: string, channel: string): Promise<void> {
  const client = new Redis(url.replace('unix://', ''));
  const part = {
    file: 'lost.log',
    generation: 'g',
    at: 0,
    bytes: 10,
    kind: 'lines',
    token: 'gone',
    stage: 'gone:1',
  };
  try {
    await client.set(`ship-stage:${channel}:gone:1`, 'one line.\n');
    await client.hset(`ship-parts:${channel}`, 'lost.log', JSON.stringify({ ...part, cost: 500 }));
  } finally {
    client.disconnect();
  }
}
