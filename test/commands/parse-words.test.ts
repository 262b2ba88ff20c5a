import * as v from 'valibot';
import { expect, test } from 'vitest';
import { parseWords } from '../../source/commands/parse-words.ts';
import { flagOr, list, optionalFlag, switchFlag } from '../../source/features/feature.ts';

const own = {
  ttl: optionalFlag('DURATION', '', v.string()),
  prefix: flagOr('TEXT', '', v.string(), ''),
  and: list('LIMIT', '', v.string()),
  nonblock: switchFlag('', { short: 'n' }),
  exitCode: { ...optionalFlag('CODE', '', v.string()), short: 'E' },
};
const flagsOf = (...words: string[]) => parseWords(words, own).flags;

test.each<[words: string[], flags: Record<string, unknown>]>([
  [['--ttl', '1s', '--ttl=2s'], { ttl: '2s' }],
  [['--timeout', '1s', '--timeout', '2s'], { timeout: '2s' }],
  [['--prefix', 'a', '--prefix='], { prefix: '' }],
  [['--prefix', ''], { prefix: '' }],
  [['--and', '1/1s', '--and=2/1m'], { and: ['1/1s', '2/1m'] }],
  [['--json', '--json'], { json: true }],
  [['--json', '--no-json'], { json: false }],
  [['--json=yes', '--yes=off'], { json: true, yes: false }],
  [['--no-color'], { color: false }],
  [['--ttl', '-1h'], { ttl: '-1h' }],
  [['--ttl', '"quoted"', '--prefix=a=b\nc'], { ttl: '"quoted"', prefix: 'a=b\nc' }],
  [['-E', '75', '-n'], { exitCode: '75', nonblock: true }],
  [['-nE', '75'], { exitCode: '75', nonblock: true }],
  [['--readOnly'], { readOnly: true }],
])('%j are %j', (words, flags) => {
  expect(flagsOf(...words)).toEqual(flags);
});

test.each([
  [['--url=']],
  [['--url', '']],
  [['--url']],
  [['--url', '--json']],
  [['--and=']],
  [['--and', '1/1s', '--and=']],
  [['--ttl']],
  [['--ttl', '--json']],
  [['--ttl', '--no-color']],
  [['--prefix']],
])('%j lacks a value, and nothing else is taken instead', (words) => {
  expect(() => flagsOf(...words)).toThrow(/^`--(url|and|ttl|prefix)` wants a value/);
});

test('a switch takes no other value', () => {
  expect(() => flagsOf('--json=banana')).toThrow('Expected `--json` to be true or false, got `banana`');
});

test('words that are no flags come as they are', () => {
  const words = ['007', '1e3', '"q"', '-', '', '  ', 'a=b', '-5', '9007199254740993'];
  expect(parseWords(words, own).input).toEqual(words);
});
