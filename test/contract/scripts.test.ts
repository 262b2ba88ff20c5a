import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { afterAll, describe, expect, test } from 'vitest';
import { commandsIn } from '../../source/redis/refusals.ts';
import { withRightsChecked, wordsToCheck } from '../../source/redis/script.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { exerciseAll, record, type Script, type Sent, scriptOf, scripts } from './recording.ts';

/**
 * What every script owes: sent twice it leaves what it leaves when sent once, and a command that the user may not run
 * leaves all of it undone or all of it done. Everything is used once through the command line; then what was sent is
 * sent again on an empty server, one command after another at the recorded time, and before each script the server is
 * put back as often as there is something to try.
 */

type Call = { readonly script: Script; readonly lua: string; readonly words: readonly Buffer[] };
type Held = { readonly content: string; readonly ttlMs: number };
type State = ReadonlyMap<string, Held>;

/** Commands that a script itself catches, and what it leaves then: a guard or a leftover that expires, no count. */
const tolerated: readonly string[] = [
  'source/features/log/write.lua without LPUSH',
  'source/features/hits/add.lua without PEXPIRE',
  'source/features/hits/add-seed.lua without INCRBY',
  'source/features/hits/add-seed.lua without PEXPIRE',
  'source/features/lock/holder/release.lua without HDEL',
  // Everybody has seen it; whoever marks, sends or leaves next removes it.
  'source/features/chat/room/leave.lua without ZREMRANGEBYSCORE',
  // Nothing is stored, and the ids that were given are not given again; the note of a frame goes with its producer.
  'source/features/topic/own-layout/publish.lua without SETRANGE',
  'source/features/topic/own-layout/publish.lua without PEXPIRE',
  'source/features/topic/seed-layout/seed-publish.lua without SETRANGE',
  'source/features/topic/seed-layout/seed-publish.lua without PEXPIRE',
  // The subscriber is gone; what is left of it is replaced when the name comes back.
  'source/features/topic/own-layout/drop.lua without HDEL',
  'source/features/buffer/flush/drop.lua without HDEL',
  'source/features/buffer/flush/drop-all.lua without HDEL',
  // A statistic off the path of a hit, which catches whatever it may not do.
  ...['HSET', 'HINCRBY', 'PEXPIRE', 'ZADD', 'ZRANGE', 'ZCARD', 'ZREMRANGEBYSCORE', 'HDEL', 'ZREM'].map(
    (name) => `source/features/limit/usage-index.lua without ${name}`,
  ),
];

/** A hit that was in flight when the connection broke may count twice: a limit errs on its own side, never for more. */
const countsTwice: readonly string[] = ['source/features/limit/check/hit.lua'];

type Finding = { readonly file: string; readonly what: string };

const server = await redisForThisFile();
const stage = await redisForThisFile();
const redis = stage.client();
const mostCallsEach = 3;

/** A line of `docs/denied-commands.md`. */
type Outcome = {
  readonly file: string;
  readonly denied: string;
  readonly hears: string;
  readonly left: string;
};
const outcomes = new Map<string, Outcome>();

function note(outcome: Outcome): void {
  outcomes.set(JSON.stringify(Object.values(outcome)), outcome);
}

/** Which keys are as after all of it, or are not. */
function partOf(before: State, after: State, found: State): string {
  const [done, undone] = [changed(before, found), changed(after, found)];
  const [word, keys] = done.length < undone.length ? ['only', done] : ['all but', undone];
  const families = new Set(keys.map((key) => key.replaceAll(/(?<=guard:)[\w-]+|[\w-]{20,}|\d+/g, '…')));
  return `${word} ${[...families].map((key) => `\`${key}\``).join(', ')}`;
}

function changed(expected: State, found: State): readonly string[] {
  const keys = new Set([...expected.keys(), ...found.keys()]);
  return [...keys].filter((key) => !isSameValue(expected.get(key), found.get(key))).sort();
}

const halfDone: Finding[] = [];
const untrue: Finding[] = [];
const doubled: Finding[] = [];
const tried = new Map<string, number>();
let users = 0;

const [, runId = ''] = /run_id:(\w+)/.exec(await server.client().info('server')) ?? [];
const sent = await record(server, () => exerciseAll(server.url));
await replay(sent);

async function replay(all: readonly Sent[]): Promise<void> {
  for (const { atUs, words } of all) {
    const [name = '', digestOrText = Buffer.alloc(0), ...rest] = words.map((word) => word);
    const command = String(name).toLowerCase();
    if (/^eval/.test(command)) {
      const script = scriptOf(digestOrText.toString());
      if (script)
        await tryCall(
          { script, lua: frozen(withRightsChecked(script.lua), atUs), words: rest },
          /_ro$/.test(command),
        );
      continue;
    }
    if (!isWrite(command)) continue;
    await redis.call(command, ...words.slice(1)).catch(() => {});
  }
}

/** Reads and talk about the connection change nothing. */
function isWrite(command: string): boolean {
  return /^(set|del|unlink|zadd|zrem|hset|hdel|incr|rpush|lpush|expire|pexpire|setrange|append|rename|zremrangebyscore|hincrby|xadd|xtrim)$/.test(
    command,
  );
}

/** As it ran then: what a script asks the clock, or which server it is on, must not differ from one run to the next. */
function frozen(lua: string, atUs: number): string {
  const time = `({'${Math.floor(atUs / 1e6)}','${Math.floor(atUs % 1e6)}'})`;
  return lua
    .replaceAll(/\b(?:redis\.)?p?call\('TIME'\)/g, time)
    .replaceAll("redis.pcall('INFO', 'server')", `'run_id:${runId}'`);
}

async function tryCall(call: Call, isReading: boolean): Promise<void> {
  const { file } = call.script;
  const count = tried.get(file) ?? 0;
  if (isReading || count >= mostCallsEach) {
    if (!isReading) await evaluate(redis, call);
    return;
  }
  const before = await snapshot();
  await evaluate(redis, call);
  const after = await stateOf(redis);
  if (isSame(before.state, after)) return;
  tried.set(file, count + 1);

  await evaluate(redis, call).catch(() => {});
  const twice = await stateOf(redis);
  if (!isSame(after, twice) && !countsTwice.includes(file))
    doubled.push({ file, what: difference(after, twice) });

  for (const denied of deniable(call.script.lua)) {
    await before.restore();
    const user = await userWithout(denied);
    let reply: unknown;
    try {
      reply = await evaluate(user, call);
    } catch (error) {
      reply = error;
    } finally {
      user.disconnect();
    }
    const found = await stateOf(redis);
    const isRefusal = reply instanceof Error;
    const [isUndone, isDone] = [isSame(before.state, found), isSame(after, found)];
    const what = `without ${denied}`;
    const left = isUndone ? 'nothing' : isDone ? 'all' : partOf(before.state, after, found);
    note({ file, denied, hears: isRefusal ? 'a refusal' : 'the answer', left });
    if (!isUndone && !isDone && !tolerated.includes(`${file} ${what}`))
      halfDone.push({ file, what: `${what}: ${difference(after, found)}` });
    else if (isRefusal && isDone)
      untrue.push({ file, what: `${what} all is done, and it says ${String(reply)}` });
  }
  await before.restore();
  await evaluate(redis, call);
}

/** A notification is sent by a command that the caller names. */
function deniable(lua: string): readonly string[] {
  return [...commandsIn(lua), ...(/call\(ARGV\[/.test(lua) ? ['PUBLISH'] : [])];
}

async function evaluate(client: Redis, { lua, words }: Call): Promise<unknown> {
  return await client.callBuffer('EVAL', lua, ...words);
}

async function userWithout(command: string): Promise<Redis> {
  users += 1;
  const rule = `-${command.toLowerCase().replace(' ', '|')}`;
  await redis.call('ACL', 'SETUSER', `u${users}`, 'on', '>pw', '~*', '&*', '+@all', rule);
  return stage.client({
    username: `u${users}`,
    password: 'pw',
    connectionName: `without ${command}`,
    enableReadyCheck: false,
  });
}

async function snapshot(): Promise<{ state: State; restore(): Promise<void> }> {
  const keys = await redis.keys('*');
  const dumps = await Promise.all(
    keys.map(async (key) => [key, await redis.dumpBuffer(key), await redis.pttl(key)] as const),
  );
  const state = await stateOf(redis);
  return {
    state,
    async restore() {
      await redis.flushall();
      for (const [key, dump, ttl] of dumps) if (dump) await redis.restore(key, Math.max(ttl, 0), dump);
    },
  };
}

/** Every key with what it holds, in one order. */
async function stateOf(client: Redis): Promise<State> {
  const state = new Map<string, Held>();
  for (const key of (await client.keys('*')).sort()) {
    const type = await client.type(key);
    const read: Readonly<Record<string, () => Promise<unknown>>> = {
      string: () => client.get(key),
      hash: async () => Object.entries(await client.hgetall(key)).sort(),
      zset: () => client.zrange(key, '0', '-1', 'WITHSCORES'),
      set: async () => (await client.smembers(key)).sort(),
      list: () => client.lrange(key, 0, -1),
      stream: () => client.xrange(key, '-', '+'),
    };
    const ttlMs = await client.pttl(key);
    const held = inOneOrder([type, ttlMs >= 0, await read[type]?.()]);
    state.set(key, { content: JSON.stringify(held), ttlMs });
  }
  return state;
}

/** Lua encodes the fields of an object in any order. */
function inOneOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOneOrder);
  if (typeof value !== 'string' || !value.startsWith('{')) return value;
  try {
    return Object.entries(JSON.parse(value) as object).toSorted(([a], [b]) => (a < b ? -1 : 1));
  } catch {
    return value;
  }
}

function isSame(one: State, other: State): boolean {
  return one.size === other.size && [...one].every(([key, held]) => isSameValue(held, other.get(key)));
}

/** What is left of a time to live shrinks while we look. */
function isSameValue(one: Held | undefined, other: Held | undefined): boolean {
  return one?.content === other?.content && Math.abs((one?.ttlMs ?? 0) - (other?.ttlMs ?? 0)) < 300_000;
}

function difference(expected: State, found: State): string {
  return changed(expected, found)
    .map((key) => `${key} is ${textOf(found.get(key))} instead of ${textOf(expected.get(key))}`)
    .join('; ')
    .slice(0, 1000);
}

function textOf(held: Held | undefined): string {
  return held ? `${held.content} for ${held.ttlMs} ms` : 'not there';
}

afterAll(() => redis.disconnect());

describe('every script that writes', () => {
  test('was tried', () => {
    const writing = scripts.filter(isWriting).map(({ file }) => file);
    expect(writing.filter((file) => !tried.has(file))).toEqual([]);
  });

  test('leaves, when sent twice, what it leaves when sent once', () => {
    expect(doubled).toEqual([]);
  });

  test('does nothing, or all of it, where one of its commands is denied', () => {
    expect(halfDone).toEqual([]);
  });

  test('says that it failed only where it did', () => {
    expect(untrue).toEqual([]);
  });
});

function isWriting({ lua }: Script): boolean {
  return !/^#!lua flags=\S*no-writes/.test(lua);
}

const page = 'docs/denied-commands.md';

/** One line for all commands of a script that come to the same. */
function linesOf(found: readonly Outcome[]): readonly string[] {
  const groups = Map.groupBy(found, ({ file, hears, left }) => JSON.stringify([file, hears, left]));
  return [...groups.values()]
    .map((group) => {
      const [{ file, hears, left } = { file: '', hears: '', left: '' }] = group;
      const commands = group.map(({ denied }) => `\`${denied}\``).sort();
      return `| \`${file.replace('source/', '')}\` | ${commands.join(' ')} | ${hears} | ${left} |`;
    })
    .sort();
}

test('what comes of a denied command stands in docs/denied-commands.md', () => {
  const text = readFileSync(page, 'utf8');
  const head = `${text.slice(0, text.indexOf('|---|---|---|---|\n'))}|---|---|---|---|\n`;
  const found = [...outcomes.values()];
  const written = text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => {
      const [, file = '', commands = '', hears = '', left = ''] = line.split('|').map((cell) => cell.trim());
      return Array.from(commands.matchAll(/`([^`]+)`/g), ([, denied = '']) => ({
        file: `source/${file.slice(1, -1)}`,
        denied,
        hears,
        left,
      }));
    });
  // `npm run denied` writes it anew, but for what was not tried this time.
  if (process.env.WRITE_DENIED === '1') {
    const kept = written.filter(({ file }) => !tried.has(file) && existsSync(file));
    writeFileSync(page, `${head}${linesOf([...found, ...kept]).join('\n')}\n`);
    return;
  }
  // Which three calls of a script are tried first is not always the same: whether these come to the denied command, and
  // which keys they leave.
  const idOf = ({ file, denied, hears, left }: Outcome): string =>
    JSON.stringify(
      left === 'all' || left === 'nothing' ? [file, denied] : [file, denied, hears, left.replace(/`.*/, '')],
    );
  const known = new Set(written.map(idOf));
  expect(found.filter((outcome) => !known.has(idOf(outcome)))).toEqual([]);
  const pairs = new Set(found.map(({ file, denied }) => `${file} without ${denied}`));
  const gone = written.filter(
    ({ file, denied }) => !pairs.has(`${file} without ${denied}`) && (tried.has(file) || !existsSync(file)),
  );
  expect(gone).toEqual([]);
});

test('the rights of each command are asked with as many words as it takes', async () => {
  const names = [...new Set(scripts.flatMap(({ lua }) => commandsIn(lua)))];
  const known = await redis.call('COMMAND', 'INFO', ...names.map((name) => name.replace(' ', '|')));
  const wrong = names.filter((name, i) => {
    const arity = Number((known as unknown[][])[i]?.[1]);
    const { length } = wordsToCheck(name);
    return arity < 0 ? length < -arity : length !== arity;
  });
  expect(wrong).toEqual([]);
});
