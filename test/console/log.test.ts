import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { LogEvent } from '../../source/console/console-log.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

const password = 'correct-horse';
const server = await startRedis('--requirepass', password);
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-log-'));
let plays: Play[] = [];
afterEach(async () => {
  await Promise.all(plays.map((play) => play.close()));
  plays = [];
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(file: string): Play {
  const env = { QUARTERDECK_PASSWORD: password };
  const play = startPlay({ args: [cli, '--url', server.url, '--log', file], columns: 140, rows: 40, env });
  plays.push(play);
  return play;
}

function eventsIn(file: string): (LogEvent & { readonly at: number })[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('tells what was asked, pressed, run and painted, and nothing that was typed', async () => {
  const file = path.join(folder, 'console.log');
  const play = open(file);
  await play.shows('nothing of Quarterdeck');
  play.press('6', ':');
  await play.shows('━ command ━');
  play.press('lock break vault', 'enter');
  await play.shows('Nobody holds vault');
  play.press(':');
  await play.shows('━ command ━');
  play.press(`${password} in the wrong place`);
  await play.shows('in the wrong place');
  play.press('ctrl+c');
  await play.hides('in the wrong place');
  play.press('%');
  await play.shows('% does nothing here');
  play.press('q');
  expect(await play.ended()).toMatchObject({ exitCode: 0 });

  const events = eventsIn(file);
  const kinds = new Set(events.map(({ event }) => event));
  const expected = ['start', 'question', 'answer', 'key', 'typed', 'frame', 'error', 'end'];
  expect([...kinds]).toEqual(expect.arrayContaining(expected));
  expect(events[0]).toMatchObject({ event: 'start', servers: [server.url], columns: 140, rows: 40 });
  expect(events.at(-1)).toMatchObject({ event: 'end', exitCode: 0 });
  expect(events).toContainEqual(expect.objectContaining({ event: 'key', mode: 'browse', key: '6' }));
  expect(events).toContainEqual(
    expect.objectContaining({ event: 'typed', mode: 'palette', characters: 'lock break vault'.length }),
  );
  const answers = events.filter((event) => event.event === 'answer');
  expect(new Set(answers.map(({ feature }) => feature)).size).toBe(10);
  for (const { durationMs } of answers) expect(durationMs).toBeGreaterThanOrEqual(0);
  for (const { at } of events) expect(at).toBeGreaterThan(1_600_000_000_000);
  expect(readFileSync(file, 'utf8')).not.toContain(password);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('is added to, tells of commands by their names, and is closed to others', async () => {
  const client = server.client({ password });
  await client.set('lock:vault', 'somebody', 'PX', 600_000);
  await client.zadd('quarterdeck:lock', Date.now(), 'vault');
  const file = path.join(folder, 'shared.log');
  writeFileSync(file, '{"event":"end","at":1700000000000,"exitCode":0}\n', { mode: 0o644 });
  const play = open(file);
  await play.shows('vault');
  play.press(':');
  await play.shows('━ command ━');
  play.press('lock break vault', 'enter');
  await play.answer('y');
  await play.shows('roke');
  play.press('q');
  await play.ended();
  const events = eventsIn(file);
  expect(events[0]).toMatchObject({ event: 'end', at: 1_700_000_000_000 });
  expect(events).toContainEqual(expect.objectContaining({ event: 'act', command: 'lock break' }));
  expect(events).toContainEqual(
    expect.objectContaining({ event: 'done', command: 'lock break', isGood: true }),
  );
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test.each([
  ['a link', 'link.log', 'it is a link', (file: string) => symlinkSync('/etc/hostname', file)],
  ['a pipe', 'pipe.log', 'it is no regular file', (file: string) => execFileSync('mkfifo', [file])],
  ['in a folder that is not there', 'nowhere/console.log', 'ENOENT', () => {}],
])('%s is refused before the terminal is taken', async (_, name, reason, make) => {
  const file = path.join(folder, name);
  make(file);
  const play = open(file);
  expect(await play.ended()).toMatchObject({ exitCode: 4 });
  expect(play.raw()).toContain(reason);
  expect(play.raw()).not.toContain('\u001B[?1049h');
});
