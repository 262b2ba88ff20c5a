import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageOf, messagesOf } from '../../../source/features/log/message/message-of.ts';
import { Miner } from '../../../source/features/log/template/miner.ts';

// What a line says: one row for each form that loggers, runtimes and collectors give it. All of it is made up.

const forms: readonly (readonly [form: string, line: string, message: string])[] = [
  [
    'docker json-file',
    String.raw`{"log":"pump 7 hot\n","stream":"stdout","time":"2031-04-01"}`,
    'pump 7 hot',
  ],
  ['docker around pino', String.raw`{"log":"{\"level\":30,\"msg\":\"pump 7 hot\"}\n"}`, 'pump 7 hot'],
  ['CRI', '2031-04-01T06:10:00.123456789Z stdout F pump 7 hot', 'pump 7 hot'],
  ['CRI around JSON', '2031-04-01T06:10:00Z stdout F {"message":"pump 7 hot"}', 'pump 7 hot'],
  ['CRI, a part', '2031-04-01T06:10:00+02:00 stderr P pump 7 hot', 'pump 7 hot'],
  [
    'OpenTelemetry JSON',
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"pump 7 hot"}}]}]}]}',
    'pump 7 hot',
  ],
  ['OpenTelemetry flat', '{"severity":"INFO","body":"pump 7 hot","attributes":{}}', 'pump 7 hot'],
  [
    'ECS',
    '{"@timestamp":"2031","log.level":"INFO","message":"pump 7 hot","ecs.version":"8.11"}',
    'pump 7 hot',
  ],
  ['ECS, nested', '{"log":{"level":"info"},"event":{"dataset":"x"},"message":"pump 7 hot"}', 'pump 7 hot'],
  ['logstash-logback', '{"@version":"1","message":"pump 7 hot","logger_name":"c.s.Bilge"}', 'pump 7 hot'],
  [
    'GELF',
    '{"version":"1.1","short_message":"pump 7 hot","full_message":"pump\\n at x","_n":7}',
    'pump 7 hot',
  ],
  ['journald', '{"_PID":"7","PRIORITY":"6","MESSAGE":"pump 7 hot"}', 'pump 7 hot'],
  ['journald, bytes', '{"MESSAGE":[112,117,109,112,32,55,255]}', 'pump 7�'],
  ['GCP text', '{"severity":"INFO","textPayload":"pump 7 hot"}', 'pump 7 hot'],
  ['GCP object', '{"jsonPayload":{"message":"pump 7 hot"},"labels":{"message":"no"}}', 'pump 7 hot'],
  ['pino', '{"level":30,"time":1,"msg":"pump 7 hot","pid":9}', 'pump 7 hot'],
  ['klog JSON', '{"ts":1.9e12,"caller":"run.go:41","msg":"pump 7 hot","v":0}', 'pump 7 hot'],
  ['klog text', 'I0401 06:10:00.1 7 run.go:41] pump 7 hot', 'I0401 06:10:00.1 7 run.go:41] pump 7 hot'],
  ['python json-logger', '{"levelname":"INFO","message":"pump 7 hot"}', 'pump 7 hot'],
  ['structlog', '{"event":"pump 7 hot","level":"info"}', 'pump 7 hot'],
  ['Rust tracing', '{"level":"INFO","fields":{"message":"pump 7 hot"},"target":"bilge"}', 'pump 7 hot'],
  ['Rust tracing, flat', '{"level":"INFO","fields.message":"pump 7 hot"}', 'pump 7 hot'],
  ['hclog', '{"@level":"info","@message":"pump 7 hot"}', 'pump 7 hot'],
  ['Serilog compact', '{"@t":"2031","@mt":"Pump {Pump:000} is {{hot}}","Pump":7}', 'Pump <*> is {hot}'],
  ['Serilog rendered', '{"@t":"2031","@m":"Pump 7 hot","@i":"7f3a"}', 'Pump 7 hot'],
  ['.NET console', '{"Message":"Pump 7 hot","State":{"{OriginalFormat}":"Pump {P} hot"}}', 'Pump <*> hot'],
  ['MongoDB', '{"s":"I","c":"NETWORK","id":229,"msg":"pump hot","attr":{"message":"no"}}', 'pump hot'],
  ['Splunk HEC', '{"event":{"message":"pump 7 hot"},"sourcetype":"b"}', 'pump 7 hot'],
  ['Loki', '{"labels":{},"line":"pump 7 hot"}', 'pump 7 hot'],
  ['Fluent Bit', '{"log":"pump 7 hot","kubernetes":{"pod":"x"}}', 'pump 7 hot'],
  [
    'the longest sentence',
    '{"event_type":"alert","alert":{"signature":"odd pump traffic"}}',
    'odd pump traffic',
  ],
  [
    'an empty message',
    String.raw`{"msg":"","exception":"java.io.IOException: pipe closed\n at x"}`,
    'java.io.IOException: pipe closed',
  ],
  ['a trace alone', String.raw`{"msg":null,"stack_trace":"Err\n at x"}`, 'Err'],
  ['an error', '{"level":"error","error":{"message":"pump 7 hot","code":4}}', 'pump 7 hot'],
  ['access log', '{"request_method":"GET","status":200,"uri":"/a"}', '{request_method=GET status=2xx uri}'],
  ['audit log', '{"kind":"Event","verb":"list","requestURI":"/api"}', '{kind requesturi verb=list}'],
  ['nothing at all', '{}', '{}'],
  ['RFC 5424', '<134>1 2031-04-01T06:10:00Z h app 7 ID [x y="a \\"]"][z] pump 7 hot', 'pump 7 hot'],
  ['RFC 5424, no data', '<134>1 - - - - - - pump 7 hot', 'pump 7 hot'],
  ['RFC 3164', '<34>Oct 11 22:14:15 deck su: pump 7 hot', 'Oct 11 22:14:15 deck su: pump 7 hot'],
  ['rsyslog', 'Oct 11 22:14:15 deck app: @cee: {"msg":"pump 7 hot"}', 'Oct 11 22:14:15 deck app: pump 7 hot'],
  ['compose', 'web-1  | pump 7 hot', 'pump 7 hot'],
  ['zap console', '2031-04-01 INFO pump hot {"pump":7}', '<*> INFO pump hot {pump}'],
  ['logfmt', 'ts=2031 level=info msg="pump 7 \\"hot\\"" n=7', 'pump 7 "hot"'],
  ['logfmt without a sentence', 'action=login user=bob ip=10.0.0.1', '{action=login ip user}'],
  ['single quotes', "{'level': 'info', 'message': 'pump 7 isn\\'t hot'}", "pump 7 isn't hot"],
  ['cut off', String.raw`{"level":"info","msg":"pump\t7 hot","id":"7f`, 'pump 7 hot'],
  [
    'colours',
    '\u001B[31mERROR\u001B[0m pump\u001B[1m7\u001B[22m \u001B]0;title\u0007hot',
    'ERROR pump 7 hot',
  ],
  ['colours as text', String.raw`\u001b[31mERROR\x1b[0m pump#033[1m hot`, 'ERROR pump hot'],
  ['byte order mark and CR', '\uFEFFpump 7 hot\r', 'pump 7 hot'],
  [
    'nginx',
    '2031/04/01 06:10:00 [error] 7#7: *3 open() failed',
    '2031/04/01 06:10:00 [error] 7#7: *3 open() failed',
  ],
  ['no JSON', '{pump} = 7', '{pump} = 7'],
  ['an array', '[1,2]', '[1,2]'],
  ['a bar in a sentence', 'pump-7 | hot', 'hot'],
  ['several lines', 'pump failed\n  at a\n  at b', 'pump failed'],
];

test.each(forms)('%s', (_, line, message) => {
  expect(messageOf(line).text).toBe(message);
});

test('a batch of OpenTelemetry is a message for each record', () => {
  const record = (text: string) => ({ body: { stringValue: text } });
  const line = JSON.stringify({
    resourceLogs: [
      { scopeLogs: [{ logRecords: [record('one'), record('two')] }, { logRecords: [record('three')] }] },
      { scopeLogs: [{ logRecords: [{ attributes: [], severityText: 'INFO' }] }] },
    ],
  });
  expect(messagesOf(line).map(({ text }) => text)).toEqual([
    'one',
    'two',
    'three',
    '{attributes severitytext}',
  ]);
});

// The template depends on the event only: not on the envelope, the order of keys, further fields, colours, padding.

const word = fc.constantFrom(
  ...'pump hot valve open closed after 17 10.0.0.3 /var/log "a b" user=bob 4ms – née failed: [7] it’s'.split(
    ' ',
  ),
);
const sentence = fc
  .array(word, { minLength: 1, maxLength: 9 })
  .map((words) => words.join(' '))
  // Three pairs and nothing else would be logfmt.
  .map((text) => `bilge ${text}`);

const further = fc.dictionary(
  fc.constantFrom('level', 'pid', 'trace_id', 'k8s', 'caller', 'n', 'ecs.version', 'labels'),
  fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('x', 'a/b', 'INFO'),
    fc.constant({ a: [1] }),
  ),
);
const key = fc.constantFrom(
  ...'message msg @m @message short_message text event body log line MESSAGE Msg description'.split(' '),
);

type Wrap = (text: string) => string;
const named: fc.Arbitrary<Wrap> = fc
  .record({ key, further, atEnd: fc.boolean(), newline: fc.constantFrom('', '\n', '\r\n') })
  .map(({ key, further, atEnd, newline }) => (text) => {
    const own = { [key]: `${text}${newline}` };
    return JSON.stringify(atEnd ? { ...further, ...own } : { ...own, ...further });
  });
const envelope: fc.Arbitrary<Wrap> = fc.oneof(
  { weight: 4, arbitrary: named },
  fc.constantFrom<Wrap>(
    (text) => `2031-04-01T06:10:00.123Z stdout F ${text}`,
    (text) => `<134>1 2031-04-01T06:10:00Z host app 7 ID [x y="1"] ${text}`,
    (text) => `web-1  | ${text}`,
    (text) => `\uFEFF${text}\r`,
    (text) => JSON.stringify({ jsonPayload: { message: text }, severity: 'INFO' }),
    (text) =>
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: text } }] }] }] }),
    (text) => JSON.stringify({ MESSAGE: [...Buffer.from(text)] }),
    (text) => JSON.stringify({ level: 'INFO', fields: { message: text }, target: 'bilge' }),
    (text) => `ts=2031 level=info n=7 msg=${JSON.stringify(text)}`,
  ),
);
const colours: fc.Arbitrary<Wrap> = fc
  .infiniteStream(fc.constantFrom('', '\u001B[31m', '\u001B[0;1m'))
  .map((marks) => {
    const each = marks[Symbol.iterator]();
    const mark = (): string => each.next().value ?? '';
    return (text) =>
      text
        .split(' ')
        .map((word) => `${mark()}${word}${mark()}`)
        .join(' ');
  });

const templateOf = (line: string): readonly string[] =>
  messagesOf(line).map(({ text, isTemplate }) => (isTemplate ? text : new Miner().template(text)));

test('template(wrap(m)) = template(m), up to three envelopes deep, in any colours', () => {
  fc.assert(
    fc.property(sentence, fc.array(envelope, { maxLength: 3 }), colours, (message, envelopes, colour) => {
      const line = envelopes.reduce((text, wrap) => wrap(text), colour(message));
      expect(templateOf(line)).toEqual(templateOf(message));
    }),
    { numRuns: 2000 },
  );
});

describe('any text', () => {
  const pieces = fc.constantFrom(
    ...[
      '{"',
      '":',
      '"',
      '\\',
      '}',
      '{',
      '[',
      ']',
      'msg',
      'log',
      '\u001B[',
      '\u001B]',
      '=',
      ' ',
      '\n',
      '<1>1 ',
      "'",
      '\u0000',
    ],
    ...[
      '\uD800',
      '2031-04-01T06:10:00Z stdout F ',
      'resourceLogs',
      '@mt',
      'null',
      '12',
      'web-1 | ',
      'a=b ',
      '#033[',
      '\\u00',
    ],
  );
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.json(),
    fc.json().map((text) => text.slice(0, -3)),
  );

  test('is some message, never a failure', () => {
    fc.assert(
      fc.property(anything, (line) => {
        for (const { text } of messagesOf(line)) expect(typeof text).toBe('string');
        expect(messagesOf(line).length).toBeGreaterThan(0);
      }),
      { numRuns: 5000 },
    );
  });

  const nasty: readonly (readonly [string, (size: number) => string])[] = [
    ['brackets', (size) => '['.repeat(size)],
    ['objects in one another', (size) => `${'{"a":'.repeat(size / 5)}1${'}'.repeat(size / 5)}`],
    ['messages in one another', (size) => `${'{"msg":'.repeat(size / 8)}"x y"${'}'.repeat(size / 8)}`],
    ['a long string', (size) => `{"msg":"${'x y '.repeat(size / 4)}"}`],
    ['a long string, cut off', (size) => `{"msg":"${'x y '.repeat(size / 4)}`],
    ['quotes', (size) => `{${`"msg":'`.repeat(size / 7)}`],
    ['backslashes', (size) => `{"msg":"${'\\'.repeat(size)}`],
    ['escapes', (size) => '\u001B]'.repeat(size / 2)],
    ['escapes as text', (size) => `${'\\'.repeat(size)}u001b[`],
    ['structured data', (size) => `<1>1 - - - - - ${'[a b="c"]'.repeat(size / 9)}`],
    ['pairs', (size) => 'a="b" '.repeat(size / 6)],
    ['pairs without an end', (size) => `a=b ${'c="'.repeat(size / 3)}`],
    [
      'many keys',
      (size) => JSON.stringify(Object.fromEntries(Array.from({ length: size / 12 }, (_, i) => [`k${i}`, i]))),
    ],
    [
      'many sentences',
      (size) =>
        JSON.stringify(Object.fromEntries(Array.from({ length: size / 16 }, (_, i) => [`k${i}`, `a b${i}`]))),
    ],
    ['closing', (size) => `${'{"'.repeat(size / 2)}}`],
    ['spaces', (size) => `a${' '.repeat(size)}b`],
    ['bars', (size) => `a-1 ${' | '.repeat(size / 3)}`],
  ];

  test.each(nasty)('%s take time in proportion to their length', (_, make) => {
    const timeOf = (size: number): number => {
      const line = make(size);
      const times = Array.from({ length: 3 }, () => {
        // Of the processor: what else runs on the machine does not count.
        const before = process.threadCpuUsage();
        messagesOf(line);
        const { user, system } = process.threadCpuUsage(before);
        return (user + system) / 1000;
      });
      return Math.min(...times);
    };
    timeOf(2000);
    // Thirty-two times as long: quadratic would be a thousand times the time.
    const [short, long] = [timeOf(8000), timeOf(256_000)];
    expect(long).toBeLessThan(Math.max(200, short * 32 * 8));
  });
});
