import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AuditError,
  auditFolder,
  type BegunAct,
  beginAct,
  inputOf,
  readAudit,
} from '../../source/commands/audit-trail.ts';
import { runHere } from '../helpers/batch.ts';
import { payloads, unsafeLines } from '../helpers/injections.ts';

let home = '';
let state = '';
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
  state = path.join(home, 'quarterdeck');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const act: BegunAct = {
  operator: 'ada',
  server: '127.0.0.1:6379',
  context: 'prod-eu',
  production: true,
  command: 'lock break',
  input: { name: 'deploy' },
  question: 'Break deploy, held by ci-14?',
};
const fileOf = (): string => {
  const [name = '', ...others] = readdirSync(auditFolder(state));
  expect(others).toEqual([]);
  return path.join(auditFolder(state), name);
};
const audit = async (...words: string[]) =>
  await runHere(['audit', ...words], { env: { XDG_STATE_HOME: home } });
const rows = async (...words: string[]) =>
  (await audit('--json', ...words)).stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('the trail, and what is read from it, has each payload in one harmless line', async () => {
  for (const payload of payloads) {
    const text = `a${payload}z`;
    const input = { [text]: text };
    const odd = { operator: text, server: text, context: text, command: text, input, question: text };
    beginAct(state, { ...odd, production: false })({ outcome: 'failed', answer: text });
  }
  expect(unsafeLines(readFileSync(fileOf(), 'utf8'))).toEqual([]);
  const printed = (await audit()).stdout;
  expect(unsafeLines(printed)).toEqual([]);
  expect(printed.trimEnd().split('\n')).toHaveLength(payloads.length + 1);
  const json = (await audit('--json')).stdout;
  expect(unsafeLines(json)).toEqual([]);
  const found = json
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { command: string }).command.toWellFormed());
  expect(found.toSorted()).toEqual(payloads.map((payload) => `a${payload}z`.toWellFormed()).toSorted());
});

test('an act stands in the trail before it is sent, and its answer with it afterwards', async () => {
  const end = beginAct(state, act);
  const [begun] = await rows();
  expect(begun).toMatchObject({
    ...act,
    outcome: 'unknown',
    endedAt: null,
    pid: process.pid,
  });
  expect(begun?.answer).toContain('no end was noted');
  end({ outcome: 'done', answer: 'Broke deploy' });
  expect(await rows()).toMatchObject([{ id: begun?.id, outcome: 'done', answer: 'Broke deploy' }]);
  const { stdout } = await audit();
  expect(stdout).toMatch(/ada +PRODUCTION prod-eu +lock break name=deploy +done +Broke deploy/);
});

test('lines are only added, in a file of a month that nobody else may read', () => {
  beginAct(state, act)({ outcome: 'done', answer: 'one' });
  const file = fileOf();
  const before = readFileSync(file, 'utf8');
  beginAct(state, act)({ outcome: 'failed', answer: 'two' });
  expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(auditFolder(state)).mode & 0o777).toBe(0o700);
  expect(path.basename(file)).toMatch(/^\d{4}-\d{2}\.ndjson$/);
});

test('the newest comes first, and --since leaves out what is older', async () => {
  beginAct(state, { ...act, command: 'first' })({ outcome: 'done', answer: '' });
  beginAct(state, { ...act, command: 'second' })({ outcome: 'done', answer: '' });
  const old = {
    ...{ event: 'begun', id: 'old', atMs: Date.now() - 7_200_000, operator: 'ada', host: 'h', pid: 1 },
    ...{ server: 's', production: false, command: 'older', input: {} },
  };
  appendFileSync(fileOf(), `${JSON.stringify(old)}\n`);
  const commands = async (...words: string[]) => (await rows(...words)).map(({ command }) => command);
  expect((await commands()).at(-1)).toBe('older');
  expect((await commands()).slice(0, 2).toSorted()).toEqual(['first', 'second']);
  expect(await commands('--since', '1h')).not.toContain('older');
});

test('what cannot be read is counted, and hides nothing beside it', async () => {
  beginAct(state, act)({ outcome: 'done', answer: 'before' });
  appendFileSync(fileOf(), 'not JSON\n{"event":"begun"}\n');
  beginAct(state, act)({ outcome: 'done', answer: 'after' });
  const { stdout, stderr } = await audit();
  expect(stdout).toContain('before');
  expect(stdout).toContain('after');
  expect(stderr).toContain('2 of the lines in');
});

test('behind a line that was cut off, the next one is whole', async () => {
  const end = beginAct(state, act);
  const whole = statSync(fileOf()).size;
  end({ outcome: 'done', answer: 'cut' });
  truncateSync(fileOf(), whole + 20);
  beginAct(state, act)({ outcome: 'done', answer: 'next' });
  expect(await rows()).toHaveLength(2);
  expect((await rows()).map(({ outcome }) => outcome).toSorted()).toEqual(['done', 'unknown']);
});

test('what strangers wrote is made safe, in the file and when it is printed', async () => {
  const evil = '\u001B]0;owned\u0007\u202Eevil\nsecond line';
  beginAct(state, { ...act, command: evil, input: { name: evil }, question: evil })({
    outcome: 'done',
    answer: evil,
  });
  for (const text of [
    readFileSync(fileOf(), 'utf8'),
    (await audit()).stdout,
    (await audit('--json')).stdout,
  ]) {
    expect(text).not.toMatch(/[\u001B\u0007\u202E]/);
  }
  expect((await audit()).stdout.trimEnd().split('\n')).toHaveLength(2);
});

test('neither passwords nor tokens nor payloads are kept, and no value without end', () => {
  beginAct(state, {
    ...act,
    question: 'Write to postgres://ann:hunter2@db/x?',
    input: inputOf(
      {
        to: 'postgres://ann:hunter2@db/x',
        token: 'qd1:secret',
        messages: ['private'],
        ids: Array.from({ length: 50 }, (_, index) => index),
        long: 'x'.repeat(1000),
        absent: undefined,
        off: false,
      },
      [],
    ),
  });
  const written = readFileSync(fileOf(), 'utf8');
  for (const secret of ['hunter2', 'qd1:secret', 'private']) expect(written).not.toContain(secret);
  const input = readAudit(state).acts[0]?.input ?? {};
  expect(input).toMatchObject({ token: '(not kept)', messages: '(not kept)' });
  expect(input.ids).toMatch(/^0 1 .* 19 … \(30 more\)$/);
  expect(input.long).toMatch(/^x{200}… \(800 more characters\)$/);
  expect(input).not.toHaveProperty('absent');
  expect(input).not.toHaveProperty('off');
});

test('acts whose lines lie between one another are told apart', () => {
  const ends = Array.from({ length: 50 }, (_, index) => beginAct(state, { ...act, command: `c${index}` }));
  for (const end of ends.toReversed()) end({ outcome: 'done', answer: 'x'.repeat(5000) });
  const { acts, unread } = readAudit(state);
  expect(acts).toHaveLength(50);
  expect(acts.every(({ outcome }) => outcome === 'done')).toBe(true);
  expect(unread).toEqual([]);
});

describe('what is not ours is neither written nor shown', () => {
  test('a link in place of the file', async () => {
    beginAct(state, act);
    const file = fileOf();
    rmSync(file);
    const elsewhere = path.join(home, 'elsewhere');
    appendFileSync(elsewhere, 'precious\n');
    symlinkSync(elsewhere, file);
    expect(() => beginAct(state, act)).toThrow(AuditError);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious\n');
    expect((await audit()).stderr).toContain('it is a link');
  });

  test('a folder that others may write', async () => {
    mkdirSync(auditFolder(state), { recursive: true, mode: 0o700 });
    beginAct(state, act);
    chmodSync(auditFolder(state), 0o777);
    expect(() => beginAct(state, act)).toThrow(/others may read or write it/);
    const { stdout, stderr } = await audit();
    expect(stdout + stderr).toContain('others may read or write it');
  });
});

test('where nothing was ever noted, it says where it looked', async () => {
  expect((await audit()).stdout).toContain(auditFolder(state));
});
