import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dockerLine } from '../../../source/features/log/message/container.ts';
import { type RecordOptions, Records } from '../../../source/features/log/records/records.ts';

const docker = (log: string, stream = 'stdout'): string =>
  JSON.stringify({ log, stream, time: '2031-04-01T06:10:00Z' });
const cri = (text: string, tag = 'F', stream = 'stdout'): string =>
  `2031-04-01T06:10:00.123456789Z ${stream} ${tag} ${text}`;
const java = [
  'java.io.IOException: pipe 7 closed',
  '\tat Pump.run(Pump.java:7)',
  'Caused by: x',
  '\t... 3 more',
];
const python = ['Traceback (most recent call last):', '  File "a.py", line 7', 'OSError: pipe 7 closed'];

type Row = readonly [
  what: string,
  options: RecordOptions,
  lines: readonly string[],
  records: readonly string[],
];
const rows: readonly Row[] = [
  ['lines as they are', {}, ['a', ' b', '', '{"msg":"x"}'], ['a', ' b', '', '{"msg":"x"}']],
  ['whole lines of docker', {}, [docker('a\n'), docker('b\n')], [docker('a\n'), docker('b\n')]],
  ['pieces of docker', {}, [docker('a'.repeat(16_384)), docker('b\n'), 'c'], [`${'a'.repeat(16_384)}b`, 'c']],
  [
    'pieces of docker, keys in another order, and attributes',
    {},
    [
      '{"stream":"stdout","log":"a ","time":"x"}',
      '{"time": "x", "attrs": {"tag": "7"}, "stream": "stdout", "log": "b\\n"}',
    ],
    ['a b'],
  ],
  [
    'what others write under these names',
    {},
    ['{"log":"a","kubernetes":{}}', 'b'],
    ['{"log":"a","kubernetes":{}}', 'b'],
  ],
  ['pieces of CRI', {}, [cri('a ', 'P'), cri('b ', 'P:x=1'), cri('c'), cri('d')], ['a b c', cri('d')]],
  [
    'two streams',
    {},
    [cri('a ', 'P'), cri('1 ', 'P', 'stderr'), cri('b'), cri('2', 'F', 'stderr')],
    ['a b', '1 2'],
  ],
  ['a piece that gets no rest', {}, [cri('a', 'P')], ['a']],
  ['nothing of it in raw lines', { raw: true }, [cri('a', 'P'), cri('b')], [cri('a', 'P'), cri('b')]],
  ['a trace of Java', { multiline: 'indent' }, ['a', ...java, 'b'], ['a', java.join('\n'), 'b']],
  ['a trace of Python', { multiline: 'indent' }, ['a', ...python, 'b'], ['a', python.join('\n'), 'b']],
  [
    'a trace of Python behind another',
    { multiline: 'indent' },
    [
      ...python,
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      ...python,
      'b',
    ],
    [
      [
        ...python,
        '',
        'During handling of the above exception, another exception occurred:',
        '',
        ...python,
      ].join('\n'),
      'b',
    ],
  ],
  [
    'a trace in docker',
    { multiline: 'indent' },
    [...java, 'b'].map((line) => docker(`${line}\n`)),
    [java.join('\n'), docker('b\n')],
  ],
  [
    'traces of two streams',
    { multiline: 'indent' },
    [cri('a'), cri('1', 'F', 'stderr'), cri('\tb'), cri('\t2', 'F', 'stderr'), cri('\tc ', 'P'), cri('d')],
    ['a\n\tb\n\tc d', '1\n\t2'],
  ],
  ['by the first line', { multiline: /^\d/ }, ['1 a', 'b', '', '2 c'], ['1 a\nb\n', '2 c']],
  ['a first line that begins nothing', { multiline: 'indent' }, ['\tat x', 'a'], ['\tat x', 'a']],
];

const recordsOf = (options: RecordOptions, lines: readonly string[]): string[] => {
  const found: string[] = [];
  const records = new Records(options, (record) => found.push(record) > 0);
  for (const line of lines) records.take(line);
  records.settle();
  return found;
};

describe('lines become records', () => {
  test.each(rows)('%s', (_, options, lines, records) => {
    expect(recordsOf(options, lines)).toEqual(records);
  });
});

test('what is settled counts as far as it came, and its rest is left out', () => {
  const found: string[] = [];
  const records = new Records({ multiline: 'indent' }, (record) => found.push(record) > 0);
  for (const line of ['a', '\tb']) records.take(line);
  expect(records.isHolding).toBe(true);
  records.settle();
  for (const line of ['\tc', cri('d ', 'P')]) records.take(line);
  records.settle();
  for (const line of [cri('e'), '\tf', 'g']) records.take(line);
  records.settle();
  expect(found).toEqual(['a\n\tb', 'd ', 'g']);
});

test('a record is bounded, and what is cut of a line is said', () => {
  const trace = ['a', ...Array.from({ length: 700 }, () => '\tb')];
  expect(recordsOf({ multiline: 'indent' }, trace).map((record) => record.split('\n').length)).toEqual([
    500, 201,
  ]);
  const [line = ''] = recordsOf({}, [
    ...Array.from({ length: 40 }, () => docker('x'.repeat(16_384))),
    docker('\n'),
  ]);
  expect(line.length).toBeLessThan(10_000);
  expect(line).toMatch(/… \(\S+ more\)$/);
});

test('a line of docker says what JSON says, or is left to it', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '"', '\\', '\n', 'é', '\u0001', '🌊'),
    maxLength: 12,
  });
  const entry = fc.tuple(
    fc.constantFrom('log', 'stream', 'time', 'log2', 'attrs'),
    fc.oneof(text, fc.integer()),
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), fc.boolean(), (entries, isSpaced) => {
      const glue = isSpaced ? ' : ' : ':';
      const line = `{${entries.map(([name, value]) => `"${name}"${glue}${JSON.stringify(value)}`).join(',')}}`;
      const { log, stream, time, attrs: _, ...others } = JSON.parse(line);
      const isDocker =
        [log, stream, time].every((value) => typeof value === 'string') && Object.keys(others).length === 0;
      expect(dockerLine(line)?.text).toBe(isDocker ? log : undefined);
    }),
    { numRuns: 300 },
  );
});
