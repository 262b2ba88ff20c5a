import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { finished, kill, type Run, run, start } from '../test/helpers/cli.ts';
import { type Calamity, calamities, type Scene } from './commands/calamities.ts';
import {
  type Folders,
  flushed,
  grow,
  isSame,
  type LongRun,
  longRuns,
  makeFolders,
  oneShots,
  setUp,
  stored,
} from './commands/programs.ts';

// Every command by every calamity that can come over its server, as the built program meets it: what it says, when it
// ends and with what, what is lost, and how long SIGTERM takes in the middle of it. `npm run faults -- commands` takes
// half an hour; `npm run faults -- commands -- replica 'full 15 s'` only these, `-- replica --new` only the commands
// begun in it, `--running` those that ran, `--term` their end by SIGTERM. It prints a table in Markdown, and what is not
// as it should be; its exit code is 1 then.

/** `--timeout` of commands begun in the middle of it. */
const newTimeoutMs = 5000;
/** What a busy machine, and the start of a program, may add. */
const slackMs = 4000;
/** The longest from the first signal to the end. */
const endsWithinMs = 5000;
/** A process that is about to end may no longer read what was given to it so long ago. */
const inPipeMs = 1500;
const atOnce = 3;

type Row = {
  readonly command: string;
  readonly exit: string;
  readonly afterMs: number | undefined;
  readonly lost: string;
  readonly said: string;
};

const wrong: string[] = [];
const root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-faults-'));
let folderCount = 0;

type Running = LongRun & {
  readonly child: ChildProcess;
  readonly end: Promise<void>;
  /** When each line was given to it. */
  readonly fedAtMs: number[];
  ended: (Run & { readonly atMs: number }) | undefined;
};

async function opened(calamity: Calamity): Promise<{ scene: Scene; folders: Folders }> {
  folderCount += 1;
  const folder = mkdtempSync(path.join(root, `${folderCount}-`));
  const folders = makeFolders(folder);
  const scene = await calamity.open();
  for (const words of setUp) {
    const { code, stderr } = await run([...words, ...scene.flags]);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${stderr}`);
  }
  return { scene, folders };
}

/** The words with flags before what belongs to another program. */
function withFlags(words: readonly string[], ...flags: readonly string[]): string[] {
  const split = words.indexOf('--');
  return split === -1 ? [...words, ...flags] : [...words.slice(0, split), ...flags, ...words.slice(split)];
}

async function startAll(scene: Scene, folders: Folders, timeoutMs: number): Promise<Running[]> {
  const all = longRuns(folders).map((command): Running => {
    const child = start(withFlags(command.words, ...scene.flags, '--timeout', `${timeoutMs}ms`));
    const end = finished(child).then((result) => {
      running.ended = { ...result, atMs: performance.now() };
    });
    const running: Running = { ...command, child, fedAtMs: [], ended: undefined, end };
    return running;
  });
  // All are at work once these have copied: the others begin sooner.
  await until(
    () =>
      isSame(path.join(folders.base, 'a'), path.join(folders.target, 'a')) &&
      isSame(path.join(folders.logs, 'a.log'), path.join(folders.out, 'a.log')),
    90_000,
    () =>
      `the first copies: ${all.map(({ name, ended }) => (ended ? `${name}: ${ended.stderr}` : '')).join('')}`,
  );
  await wait(2000);
  return all;
}

async function until(holds: () => boolean, withinMs: number, what: () => string): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`Not within ${withinMs / 1000} s: ${what()}`);
    await wait(100);
  }
}

/** Feeds stdin and files five times a second until it is stopped. */
function feed(all: readonly Running[], folders: Folders): () => void {
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    grow(folders, turn);
    for (const running of all) {
      if (!running.isFed || running.ended) continue;
      running.child.stdin?.write(/^(hits|buffer)/.test(running.name) ? '1\n' : `line ${turn}\n`);
      running.fedAtMs.push(performance.now());
    }
  }, 200);
  return () => clearInterval(timer);
}

/** All that was said at the end, without what differs from run to run. */
function lastWords({ stderr }: Run): string {
  const lines = stderr.trim().split('\n').filter(Boolean);
  const last = lines.filter((line, index) => /Not confirmed/.test(line) || index === lines.length - 1);
  return last
    .join(' / ')
    .replaceAll(/(unix:\/\/)?\/tmp\/[^\s'"`;:,]*/g, '…')
    .slice(0, 500);
}

/** How many lines a command named as not confirmed. */
function namedIn(stderr: string): number {
  const [, list = ''] = /not confirmed: (.*)/i.exec(stderr) ?? [];
  return Array.from(
    list.matchAll(/(?:^|[ +])([\d,]+) (?:messages?|hits?|counts?|lines?|increments?)\b/g),
  ).reduce((sum, [, figure = '0']) => sum + Number(figure.replaceAll(',', '')), 0);
}

/** Of what a fed command was given: how much is in Redis, and how much it named as not confirmed. */
async function lossOf(
  scene: Scene,
  folders: Folders,
  { name, fedAtMs, ended }: Running,
): Promise<{ there: number; named: number; fed: number } | undefined> {
  const named = namedIn(ended?.stderr ?? '');
  // What was given to it shortly before its end may lie in the pipe, where the next reader finds it.
  const isTaken = (atMs: number): boolean => ended?.code === 0 || !ended || atMs < ended.atMs - inPipeMs;
  const fed = fedAtMs.filter(isTaken).length;
  if (name === 'buffer incr -') {
    const { stdout } = await run(['buffer', 'pending', 'views', ...scene.flags, '--json']);
    const [row] = JSON.parse(stdout || '[]') as { total: number; inflight: number }[];
    return { there: flushed(folders) + (row?.total ?? 0) + (row?.inflight ?? 0), named, fed };
  }
  const known = stored[name];
  if (!known) return;
  const [words, count] = known;
  const { code, stdout, stderr } = await run([...words, ...scene.flags, '--json']);
  // Nothing was ever stored under this name.
  if (code === 4) return { there: 0, named, fed };
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return { there: count(JSON.parse(stdout) as never), named, fed };
}

function lossText({ there, named, fed }: { there: number; named: number; fed: number }): string {
  const missing = fed - there;
  if (missing <= 0) return `nothing of ${fed}`;
  return `${missing} of ${fed}, ${named === 0 ? 'none named' : `${named} named`}`;
}

function checkCommon(what: string, result: Run): void {
  if (result.code === 70 || /bug of quarterdeck/.test(result.stderr))
    wrong.push(`${what} called a bug: ${lastWords(result)}`);
  if (/\n\s+at .*:\d+:\d+|UnhandledPromise/.test(result.stderr)) wrong.push(`${what} a stack trace`);
  if (result.code === -1) wrong.push(`${what} ended by a signal that nobody handled`);
}

/** What ran, from before it came until it was over. */
async function running(calamity: Calamity): Promise<Row[]> {
  const rows: Row[] = [];
  const { scene, folders } = await opened(calamity);
  const all = await startAll(scene, folders, calamity.timeoutMs);
  const stop = feed(all, folders);
  try {
    await wait(1500);
    await scene.begin();
    const beganAt = performance.now();
    await wait(calamity.lastsMs);
    await scene.end();
    await wait(3000);
    stop();
    // What goes on gets the end of its input, and ends in order.
    for (const { child, isFed, ended } of all) if (isFed && !ended) child.stdin?.end();
    await Promise.race([
      Promise.all(all.filter(({ isFed }) => isFed).map(({ end }) => end)),
      wait(15_000, undefined),
    ]);
    const isAlive = (name: string): boolean => all.some((one) => one.name === name && !one.ended);
    for (const one of all) {
      const { name, ended, isFed, reads, writesWhatComes, isOwn } = one;
      const what = `${calamity.name}, ${name}:`;
      if (ended) checkCommon(what, ended);
      let lost = '';
      const loss = await lossOf(scene, folders, one);
      if (loss) {
        lost = lossText(loss);
        const missing = loss.fed - loss.there;
        if (missing > (ended?.code === 0 ? 0 : loss.named)) wrong.push(`${what} lost ${lost}`);
      }
      const caughtUp = async (holds: () => boolean): Promise<string> => {
        for (let tries = 0; tries < 150 && !holds(); tries += 1) await wait(100);
        if (holds()) return 'nothing';
        wrong.push(`${what} it has not caught up`);
        return 'NOT caught up';
      };
      if (name === 'sync run' && !ended)
        lost = await caughtUp(() => isSame(path.join(folders.base, 'a'), path.join(folders.target, 'a')));
      if (name === 'ship consume' && !ended && isAlive('ship run'))
        lost = await caughtUp(() =>
          isSame(path.join(folders.logs, 'a.log'), path.join(folders.out, 'a.log')),
        );
      const counted = all.find((other) => other.name === 'buffer incr -');
      if (name === 'buffer flush' && !ended && counted?.ended?.code === 0)
        lost = await caughtUp(() => flushed(folders) === counted.fedAtMs.length);
      const isDone = isFed && ended?.code === 0;
      const mayEnd = calamity.survivors === 'none' || (calamity.survivors === 'readers' && !reads);
      if (ended && !isDone && !isOwn) {
        const afterMs = ended.atMs - beganAt;
        if (!mayEnd) wrong.push(`${what} ended with ${ended.code}: ${lastWords(ended)}`);
        else if (ended.code !== 3) wrong.push(`${what} ended with ${ended.code}, not 3: ${lastWords(ended)}`);
        if (lastWords(ended) === '') wrong.push(`${what} ended without a reason`);
        if (afterMs > calamity.timeoutMs + slackMs)
          wrong.push(`${what} ended ${(afterMs / 1000).toFixed(1)} s after it began`);
      }
      if (!ended && isFed) wrong.push(`${what} does not end at the end of its input`);
      const mayGoOn = isOwn || (writesWhatComes && calamity.survivors === 'readers');
      if (!ended && mayEnd && !mayGoOn) wrong.push(`${what} deaf to --timeout`);
      if (isDone && mayEnd) wrong.push(`${what} deaf to --timeout, though nothing is lost`);
      rows.push({
        command: name,
        exit: isDone ? '0 at the end of its input' : ended ? String(ended.code) : 'goes on',
        afterMs: ended && !isDone ? ended.atMs - beganAt : undefined,
        lost,
        said: ended ? lastWords(ended) : '',
      });
    }
    return rows;
  } finally {
    stop();
    await Promise.all(all.map(({ child }) => kill(child)));
    await scene.close();
  }
}

/** What is begun in the middle of it. */
async function begun(calamity: Calamity): Promise<Row[]> {
  const { scene, folders } = await opened(calamity);
  const rows: Row[] = [];
  try {
    await scene.begin();
    const left = [...oneShots(folders)];
    const worker = async (): Promise<void> => {
      for (let shot = left.shift(); shot; shot = left.shift()) {
        const { words, stdin = '', reads, runsOn } = shot;
        const startedAt = performance.now();
        const child = start(withFlags(words, ...scene.flags, '--timeout', `${newTimeoutMs}ms`), { stdin });
        const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
        let wasStopped = false;
        const stopping = setTimeout(() => {
          if (runsOn) wasStopped = child.kill('SIGTERM');
        }, newTimeoutMs + 2000);
        const ended = await finished(child);
        clearTimeout(timer);
        clearTimeout(stopping);
        // To run until it was stopped, in order, is its success.
        const result = wasStopped && ended.code === 143 ? { ...ended, code: 0 } : ended;
        const afterMs = performance.now() - startedAt;
        const name = words
          .map((word) => (word.startsWith('/') ? '…' : word.replaceAll(/sqlite:.*/g, '…')))
          .join(' ');
        const what = `${calamity.name}, ${name} (begun in it):`;
        checkCommon(what, result);
        const isEasy = calamity.survivors === 'all' && /INFO|failover|slot/.test(calamity.name);
        const mayFail = !isEasy && (calamity.survivors === 'none' || !reads);
        const expected = mayFail ? [0, 3] : [0, 1, 3].slice(0, isEasy || reads ? 2 : 3);
        if (calamity.survivors === 'none' && result.code !== 3)
          wrong.push(`${what} exit ${result.code}: ${lastWords(result)}`);
        else if (!expected.includes(result.code))
          wrong.push(`${what} exit ${result.code}: ${lastWords(result)}`);
        if (result.code !== 0 && lastWords(result) === '' && !/^(ping|doctor|lock acquire busy)/.test(name))
          wrong.push(`${what} ended without a reason`);
        if (afterMs > newTimeoutMs + slackMs) wrong.push(`${what} took ${(afterMs / 1000).toFixed(1)} s`);
        rows.push({ command: name, exit: String(result.code), afterMs, lost: '', said: lastWords(result) });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    await scene.end();
    return rows;
  } finally {
    await scene.close();
  }
}

/** What ran, ended by SIGTERM one second after it came. */
async function terminated(calamity: Calamity): Promise<Row[]> {
  const { scene, folders } = await opened(calamity);
  const all = await startAll(scene, folders, 30_000);
  const stop = feed(all, folders);
  try {
    await wait(1500);
    await scene.begin();
    await wait(1500);
    stop();
    // Whatever is in a pipe by then has been read.
    await wait(500);
    const asked = performance.now();
    for (const { child } of all) child.kill('SIGTERM');
    await Promise.race([Promise.all(all.map(({ end }) => end)), wait(20_000)]);
    await scene.end();
    await wait(1000);
    const rows: Row[] = [];
    for (const one of all) {
      const { name, ended } = one;
      const what = `${calamity.name}, ${name} by SIGTERM:`;
      const exit = ended ? String(ended.code) : 'alive';
      const afterMs = ended && ended.atMs - asked;
      if (exit !== '143') wrong.push(`${what} ${exit}`);
      if (afterMs !== undefined && afterMs > endsWithinMs)
        wrong.push(`${what} ${(afterMs / 1000).toFixed(1)} s`);
      if (ended) checkCommon(what, { ...ended, code: ended.code === 143 ? 0 : ended.code });
      const loss = await lossOf(scene, folders, one);
      if (loss && loss.fed - loss.there > loss.named) wrong.push(`${what} lost ${lossText(loss)}`);
      rows.push({
        command: name,
        exit,
        afterMs,
        lost: loss ? lossText(loss) : '',
        said: ended ? lastWords(ended) : '',
      });
    }
    return rows;
  } finally {
    stop();
    await Promise.all(all.map(({ child }) => kill(child)));
    await scene.close();
  }
}

const parts = {
  '--running': ['Commands that ran when it began', running],
  '--new': [`Commands begun in it, with \`--timeout ${newTimeoutMs / 1000}s\``, begun],
  '--term': ['SIGTERM 2 s after it began', terminated],
} as const;

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function print(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}\n\n| command | exit | after | lost | said |\n|---|---|---:|---|---|`);
  for (const { command, exit, afterMs, lost, said } of rows) {
    const after = afterMs === undefined ? '' : `${(afterMs / 1000).toFixed(1)} s`;
    console.log(`| ${[`\`${cell(command)}\``, exit, after, lost, cell(said)].join(' | ')} |`);
  }
}

const given = process.argv.slice(2);
const unknown = given.filter(
  (word) => !Object.hasOwn(parts, word) && !calamities.some(({ name }) => name.startsWith(word)),
);
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}; known: ${calamities.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const wantedParts = Object.entries(parts).filter(
  ([flag]) => given.includes(flag) || !given.some((word) => Object.hasOwn(parts, word)),
);
const wantedNames = given.filter((word) => !Object.hasOwn(parts, word));
try {
  for (const calamity of calamities) {
    if (wantedNames.length > 0 && !wantedNames.some((word) => calamity.name.startsWith(word))) continue;
    console.log(`\n## ${calamity.name}`);
    for (const [, [title, act]] of wantedParts) print(`### ${title}`, await act(calamity));
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
console.log(`\nNot as it should be: ${wrong.length === 0 ? 'nothing' : wrong.length}`);
for (const line of wrong) console.log(`- ${line}`);
process.exit(wrong.length === 0 ? 0 : 1);
