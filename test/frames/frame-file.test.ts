import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  defaultFile,
  FrameFileError,
  formatOf,
  frameText,
  serverName,
  writeFrame,
} from '../../source/frames/frame-file.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-frames-'));
afterAll(() => rmSync(directory, { recursive: true }));

const frame = {
  lines: ['\u001B[31mDEAD\u001B[39m orders', 'second'],
  columns: 20,
  rows: 2,
  at: Date.UTC(2026, 10, 28, 15, 53, 7),
  server: 'redis.internal:6379',
  pane: 'topic',
  background: 'dark',
} as const;

test('a frame is text, text with its colours, JSON or a picture', () => {
  expect(frameText('text', frame)).toBe('DEAD orders\nsecond\n');
  expect(frameText('ansi', frame)).toBe('\u001B[31mDEAD\u001B[39m orders\nsecond\n');
  expect(JSON.parse(frameText('json', frame))).toEqual({
    quarterdeckFrame: 1,
    at: frame.at,
    server: 'redis.internal:6379',
    pane: 'topic',
    columns: 20,
    rows: 2,
    lines: ['DEAD orders', 'second'],
  });
  expect(frameText('svg', frame)).toMatch(/^<svg [\s\S]*DEAD[\s\S]*<\/svg>\n$/);
});

test('what a file holds is known by its extension', () => {
  expect(['a.svg', 'a.JSON', 'a.ansi', 'a.txt', 'a'].map(formatOf)).toEqual([
    'svg',
    'json',
    'ansi',
    'text',
    'text',
  ]);
});

test('a file without a name is called by server, pane and time, in a folder that is ours alone', () => {
  const file = defaultFile(directory, 'svg', { ...frame, server: serverName('unix:///tmp/../a b/s.sock') });
  expect(path.relative(directory, file)).toBe('frames/tmp-..-a-b-s.sock_topic_2026-11-28T15-53-07-000.svg');
  expect(writeFrame(file, 'x')).toBe(file);
  expect(readFileSync(file, 'utf8')).toBe('x');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
});

test('a file that is there stays as it is', () => {
  const file = path.join(directory, 'there.txt');
  writeFrame(file, 'one');
  expect(() => writeFrame(file, 'two')).toThrow(FrameFileError);
  expect(() => writeFrame(file, 'two')).toThrow(/there\.txt: it exists already/);
  expect(readFileSync(file, 'utf8')).toBe('one');
  expect(() => writeFrame(path.join(directory, 'no', 'such.txt'), 'x')).toThrow(/Not saved to .*such\.txt/);
});
