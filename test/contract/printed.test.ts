import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { afterAll, expect, test } from 'vitest';
import { endedBy } from '../../source/cli/ending.ts';
import { shellCommands } from '../../source/cli/shell-commands.ts';
import { beginAct } from '../../source/commands/audit-trail.ts';
import { printsOf } from '../../source/commands/schema.ts';
import { features } from '../../source/features/index.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** What commands print is what their schemas say, field by field, and `quarterdeck schema` says the same. */

const server = await redisForThisFile();
const redis = server.client();
const { url } = server;
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-printed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [base, target, file] = ['base', 'target', 'one.log'].map((name) => path.join(folder, name)) as [
  string,
  string,
  string,
];
mkdirSync(base);
writeFileSync(path.join(base, 'a.png'), 'a');
writeFileSync(file, 'one\ntwo\n');
writeFileSync(path.join(folder, 'no-text.log'), Buffer.from([0x6f, 0xe9, 0x0a]));
const sqlite = `sqlite:${path.join(folder, 'app.db')}`;
const database = new DatabaseSync(path.join(folder, 'app.db'));
database.exec('CREATE TABLE project (id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)');
database.close();

type Step = {
  readonly words: string;
  readonly stdin?: string;
  /** It prints lines. */
  readonly streams?: true;
  /** It goes on until this holds. */
  readonly until?: () => Promise<boolean>;
};

let token = '';
let frame = '';
let reset = '';

/** Every command that prints JSON, in an order in which each has something to print. */
const steps: readonly (Step | (() => Step | Promise<Step>))[] = [
  { words: 'lock list' },
  { words: 'lock acquire deploy --ttl 1h' },
  { words: 'lock acquire deploy' },
  () => ({ words: `lock extend deploy ${token} --ttl 1h` }),
  async () => {
    await redis.set('lock:foreign', 'x');
    await redis.zadd('quarterdeck:lock', 1, 'foreign');
    return { words: 'lock list' };
  },
  { words: 'lock break foreign --yes' },
  { words: 'lock break foreign --yes' },
  () => ({ words: `lock release deploy ${token}` }),
  { words: 'lock acquire deploy --ttl 1h' },
  { words: 'lock break deploy --yes' },
  { words: 'chat create ops --members ann,bob' },
  { words: 'chat join ops --as cy' },
  { words: 'chat send ops hello --as ann' },
  { words: 'chat send ops - --as ann', stdin: 'one\ntwo\n', streams: true },
  { words: 'chat read ops --as bob --peek' },
  { words: 'chat tail ops --as bob', streams: true, until: async () => (await seenBy('bob')) === 3 },
  { words: 'chat mark ops 2 --as cy' },
  async () => {
    const { stdout } = await runHere(['snapshot', '--pane', 'lock', '--format', 'json'], { url });
    return { words: 'chat share ops look --as ann', stdin: stdout };
  },
  () => ({ words: `chat frame ops ${frame}` }),
  { words: 'chat pin ops 3 --as ann' },
  { words: 'chat pins ops' },
  { words: 'chat timeline ops', streams: true },
  { words: 'chat here ops --as ann' },
  { words: 'chat who ops' },
  { words: 'chat unpin ops 3 --as ann' },
  { words: 'chat list' },
  { words: 'chat leave ops --as cy' },
  { words: 'log list' },
  { words: 'log write web upstream timed out' },
  { words: 'log common web' },
  { words: 'log recent web' },
  { words: 'log list' },
  // A fixed window might end between a hit and its reset.
  { words: 'limit hit key --max 1 --per 1h --algorithm sliding' },
  { words: 'limit hit key --max 1 --per 1h --algorithm sliding' },
  { words: 'limit peek key --max 1 --per 1h --algorithm sliding' },
  { words: 'limit hit plain --max 5 --per 1m --layout seed' },
  async () => {
    await redis.set('limit:found:gcra:60000', '1', 'PX', 60_000);
    return { words: 'limit list --discover' };
  },
  { words: 'limit reset key --yes' },
  () => ({ words: `limit restore key ${reset}` }),
  { words: 'hits add web 3' },
  { words: 'hits add -', stdin: 'web\t2\napi\t1\n' },
  { words: 'hits sum web' },
  { words: 'hits series web' },
  { words: 'hits list' },
  { words: 'topic publish news hello' },
  { words: 'topic subscribe news --as mail --until-caught-up', streams: true },
  { words: 'topic publish news again' },
  {
    words: 'topic subscribe news --as mail --until-caught-up --exec false --retries 0 --aside 5',
    streams: true,
  },
  { words: 'topic status' },
  { words: 'topic aside' },
  { words: 'topic retry news mail --all', streams: true },
  { words: 'topic publish news third' },
  {
    words: 'topic subscribe news --as mail --until-caught-up --exec false --retries 0 --aside 5',
    streams: true,
  },
  { words: 'topic discard news mail --all --yes' },
  { words: 'topic drop news mail --yes' },
  { words: 'buffer incr project 42 3' },
  { words: 'buffer incr project -', stdin: '42\t1\n7\t2\n' },
  { words: 'buffer pending' },
  { words: `buffer flush project --to ${sqlite}` },
  { words: `buffer flush project --to ${sqlite}` },
  { words: 'buffer incr project undefined' },
  { words: `buffer flush project --to ${sqlite}` },
  { words: 'buffer aside' },
  { words: 'buffer pending' },
  { words: 'buffer retry project undefined' },
  { words: 'buffer drop project undefined --yes' },
  {
    words: `sync run ${base} ${target} --channel files --every 100ms`,
    streams: true,
    // By the time that a batch is recorded, the comparison before it was printed.
    until: batchIsCopied,
  },
  { words: `sync notify ${base}/a.png --base ${base} --channel files` },
  { words: 'sync status' },
  { words: `sync watch ${base} --channel files`, until: changeIsNotified },
  { words: `sync forget ${base} ${target} --channel files --yes` },
  () => {
    const consumed = runHere(['ship', 'consume', 'logs:', '--as', '1', '--out', `${folder}/out`], { url });
    consumed.catch(() => {});
    const read = runHere(['ship', 'consume', 'logs:', '--as', '0'], { url });
    read.catch(() => {});
    return { words: `ship run ${file} --channel logs: --consumers 2` };
  },
  { words: 'ship status' },
  { words: 'ship status logs:' },
  { words: 'ship forget logs: 1 --yes' },
  () => {
    runHere(['ship', 'run', `${folder}/no-text.log`, '--channel', 'lines:', '--consumers', '1'], {
      url,
    }).catch(() => {});
    return { words: 'ship consume lines: --as 0', streams: true };
  },
  { words: 'shards route a b' },
  { words: 'shards status' },
  { words: 'needs' },
  async () => ({ words: `ack '${await aNeed()}' --note mine` }),
  { words: 'needs' },
  async () => ({ words: `unack '${await aNeed()}'` }),
  { words: 'snapshot' },
  { words: "snapshot --fail-if 'needs.bad > 100'" },
  { words: "watch --fail-if 'needs.bad >= 0'", streams: true },
  () => {
    const act = {
      ...{ operator: 'ada', server: 'here', context: undefined, production: false },
      ...{ command: 'lock break', input: { name: 'deploy' }, question: 'Break deploy?' },
    };
    const state = path.join(folder, 'quarterdeck');
    beginAct(state, act)({ outcome: 'done', answer: 'Broke deploy' });
    beginAct(state, { ...act, question: undefined });
    return { words: 'audit', streams: true };
  },
  async () => {
    await redis.hset('bull:mail:meta', 'opts.maxLenEvents', '10000');
    await redis.lpush('bull:mail:paused', '1');
    await redis.lpush('bq:mail:active', '1');
    return { words: 'queue list' };
  },
  { words: 'doctor' },
  { words: 'ping' },
  { words: 'metrics' },
  { words: 'completion bash' },
  { words: 'man' },
  { words: 'config' },
  { words: 'acl locker deploy:*' },
  { words: 'schema lock list' },
];

async function batchIsCopied(): Promise<boolean> {
  const { stdout } = await runHere(['sync', 'status', '--json'], { url });
  const status = v.array(
    v.object({ lastFullAt: v.nullable(v.number()), lastBatchAt: v.nullable(v.number()) }),
  );
  const [found] = v.parse(status, JSON.parse(stdout));
  if (found && found.lastFullAt !== null && found.lastBatchAt === null) {
    writeFileSync(path.join(base, 'a.png'), `changed ${Math.random()}`);
    await runHere(['sync', 'notify', `${base}/a.png`, '--base', base, '--channel', 'files'], { url });
  }
  return typeof found?.lastBatchAt === 'number';
}

let lastId: string | null = null;
async function changeIsNotified(): Promise<boolean> {
  const id = await redis.get('topic:ids:files');
  lastId ??= id;
  writeFileSync(path.join(base, 'b.png'), String(Math.random()));
  return id !== lastId;
}

async function seenBy(member: string): Promise<number> {
  return Number(await redis.zscore('chat:ops', member));
}

async function aNeed(): Promise<string> {
  const { stdout } = await runHere(['needs', '--json'], { url });
  const [need] = v.parse(v.array(v.object({ id: v.string() })), JSON.parse(stdout));
  return need?.id ?? 'none';
}

/** Those that print no JSON, or need a terminal, another program or half a minute. */
const others = {
  'lock run': 'its command prints',
  replay: 'a console',
  demo: 'a snapshot, of a private server after ten seconds',
  'sync resume': 'of a halted target only: test/sync',
  'ship aside': 'of parts that a consumer cannot take: test/ship',
  'ship retry': 'the same',
  'ship drop': 'the same',
} as const;

async function wordsOf(text: string): Promise<string[]> {
  const { splitWords } = await import('../../source/commands/palette.ts');
  return splitWords(text) ?? [];
}

async function ran(step: Step): Promise<{ readonly path: string; readonly printed: readonly unknown[] }> {
  const words = await wordsOf(step.words);
  const controller = new AbortController();
  const running = runHere([...words, '--json'], {
    url,
    ended: controller.signal,
    env: { XDG_STATE_HOME: folder },
    ...(step.stdin !== undefined && { stdin: step.stdin }),
  });
  let isOver = false;
  running.finally(() => (isOver = true)).catch(() => {});
  while (step.until && !isOver && !(await step.until()))
    await new Promise((resolve) => setTimeout(resolve, 20));
  if (step.until) controller.abort(endedBy('SIGTERM'));
  const { code, stdout, stderr } = await running;
  if (!step.until) expect(code, `${step.words}: ${stderr}`).toBeLessThan(2);
  const texts = step.streams ? stdout.split('\n').filter(Boolean) : [stdout];
  const [noun = '', verb = ''] = words;
  const isWhole = Object.hasOwn(shellCommands, noun);
  return { path: isWhole ? noun : `${noun} ${verb}`, printed: texts.map((text) => JSON.parse(text)) };
}

test('each command prints what its schema says, and nothing besides', { timeout: 240_000 }, async () => {
  const seen = new Set<string>();
  for (const each of steps) {
    const step = typeof each === 'function' ? await each() : each;
    const { path: command, printed } = await ran(step);
    const { value, line } = await printsOf(command, shellCommands);
    const declared = step.streams ? line : value;
    if (!declared) throw new Error(`\`${command}\` does not declare what it prints`);
    const { stdout } = await runHere(['schema', ...command.split(' ')]);
    const whole = JSON.parse(stdout) as Schema;
    for (const one of printed) {
      const parsed = v.safeParse(declared, one);
      const wrong = parsed.success ? [] : parsed.issues.map((issue) => [v.getDotPath(issue), issue.message]);
      expect(wrong, `${step.words}: ${JSON.stringify(one)}`).toEqual([]);
      expect(fits(whole, one), `${step.words}: ${JSON.stringify(one)} and ${stdout}`).toBe(true);
      // What is missing, or of another type, does not fit.
      const [field] = Object.keys(whole.required ?? {});
      if (field !== undefined) expect(fits(whole, {}), step.words).toBe(false);
    }
    if (printed.length > 0) seen.add(command);
    const [first] = printed;
    if (command === 'lock acquire') token = (first as { token: string | null }).token ?? token;
    if (command === 'limit reset') reset = (first as { undo: string }).undo;
    if (command === 'chat share') ({ frame } = first as { frame: string });
  }
  const nouns = await Promise.all(Object.values(features).map((load) => load()));
  const all = [
    ...nouns.flatMap(({ noun, commands }) => commands.map(({ verb }) => `${noun} ${verb}`)),
    ...Object.keys(shellCommands),
  ];
  expect(all.filter((command) => !seen.has(command)).toSorted()).toEqual(Object.keys(others).toSorted());
});

test('every command has a schema but those that print no JSON of their own', async () => {
  const nouns = await Promise.all(Object.values(features).map((load) => load()));
  const without: string[] = [];
  for (const { noun, commands } of nouns)
    for (const { verb } of commands) {
      const { code, stderr } = await runHere(['schema', noun, verb]);
      if (code !== 0) without.push(`${noun} ${verb}: ${stderr.split('\n')[0]}`);
    }
  for (const name of Object.keys(shellCommands)) {
    const { code, stderr } = await runHere(['schema', name]);
    if (code !== 0) without.push(`${name}: ${stderr.split('\n')[0]}`);
  }
  expect(without).toEqual([
    'lock run: quarterdeck: `lock run` prints no JSON of its own. It runs another program, or opens the console',
    'replay: quarterdeck: `replay` prints no JSON of its own. It runs another program, or opens the console',
  ]);
});

test('what is no command is named, with the nearest', async () => {
  const { code, stderr } = await runHere(['schema', 'lock', 'lists']);
  expect(code).toBe(2);
  expect(stderr).toContain('There is no command `lock lists`');
  expect(stderr).toContain('Did you mean `lock list`');
});

type Schema = { readonly [keyword: string]: unknown; readonly required?: readonly string[] };

/** The keywords that are used, as draft 2020-12 defines them. */
function fits(schema: Schema, value: unknown): boolean {
  const { type, anyOf, items, prefixItems, properties, required, additionalProperties } = schema as {
    readonly type?: string;
    readonly anyOf?: readonly Schema[];
    readonly items?: Schema | false;
    readonly prefixItems?: readonly Schema[];
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
    readonly additionalProperties?: Schema;
  };
  if (anyOf && !anyOf.some((one) => fits(one, value))) return false;
  if ('const' in schema && schema.const !== value) return false;
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return false;
  const is = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  if (type !== undefined && type !== is) return false;
  if (Array.isArray(value)) {
    const rest = value.slice(prefixItems?.length ?? 0);
    return (
      (prefixItems ?? []).every((one, index) => fits(one, value[index])) &&
      (items === false ? rest.length === 0 : rest.every((one) => fits(items ?? {}, one)))
    );
  }
  if (typeof value !== 'object' || value === null) return true;
  const fields = value as Readonly<Record<string, unknown>>;
  return (
    (required ?? []).every((name) => Object.hasOwn(fields, name)) &&
    Object.entries(fields).every(([name, one]) => {
      const own = properties?.[name] ?? additionalProperties;
      return own === undefined || fits(own, one);
    })
  );
}
