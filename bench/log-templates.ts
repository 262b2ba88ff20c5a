import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { messagesOf } from '../source/features/log/message/message-of.ts';
import { mask } from '../source/features/log/template/mask.ts';
import { Miner } from '../source/features/log/template/miner.ts';
import { groupingAccuracy } from '../test/log/synthetic-log.ts';
import { median, printTable } from './harness.ts';

/**
 * How well lines are grouped, and how fast, judged by logs of which it is known: Loghub's `NAME_2k.log` and
 * `NAME_2k.log_structured.csv` in the directory given (https://github.com/logpai/loghub). A line is right if the lines
 * grouped with it are exactly those of its event, as in Drain's paper and in Loghub's own benchmark.
 *
 * `message` groups the column Content, as they do; `line` groups whole lines, as they come out of a pipe: level and tag
 * are part of the template then, so that events which several programs share count as wrong. `docker` and `CRI` are
 * whole lines in these envelopes. `end` judges the templates after the last line, `online` those that each line was
 * given when it came.
 */
const directory = process.argv[2] ?? process.env.QUARTERDECK_BENCH_LOGS;
if (directory === undefined) {
  process.stdout.write(
    'Skipped: node --import ./scripts/register-lua.ts bench/log-templates.ts DIRECTORY judges the logs in it\n',
  );
  process.exit(0);
}

const suffix = '.log_structured.csv';
const forms: Readonly<Record<string, (line: string) => string>> = {
  line: (line) => line,
  docker: (line) => JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: '2031-04-01T06:10:00Z' }),
  CRI: (line) => `2031-04-01T06:10:00.123456789Z stdout F ${line}`,
};
const logs = readdirSync(directory)
  .filter((name) => name.endsWith(suffix))
  .toSorted()
  .map((name) => {
    const [header = [], ...rows] = parseCsv(readFileSync(path.join(directory, name), 'utf8'));
    const column = (label: string): string[] => rows.map((row) => row[header.indexOf(label)] ?? '');
    const events = column('EventId');
    const raw = readFileSync(path.join(directory, name.replace(suffix, '.log')), 'utf8').split(/\r?\n/);
    return {
      name: name.replace(suffix, '').replace('_2k', ''),
      events,
      messages: column('Content'),
      lines: raw.slice(0, events.length),
    };
  });

const results = logs.map(({ name, events, messages, lines }) => ({
  name,
  events: new Set(events).size,
  judged: [judge(messages, events), ...Object.values(forms).map((form) => judge(lines.map(form), events))],
}));
const columns = ['message', ...Object.keys(forms)];
const mean = (values: readonly number[]): string =>
  (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3);
printTable('Grouping accuracy, one setting for all: end, online', [
  ['log', 'events', 'groups', ...columns.flatMap((column) => [column, 'online'])],
  ...results.map(({ name, events, judged }) => [
    name,
    `${events}`,
    `${judged[1]?.groups ?? 0}`,
    ...judged.flatMap(({ end, online }) => [end.toFixed(3), online.toFixed(3)]),
  ]),
  [
    'mean',
    '',
    '',
    ...columns.flatMap((_, i) => [
      mean(results.map(({ judged }) => judged[i]?.end ?? 0)),
      mean(results.map(({ judged }) => judged[i]?.online ?? 0)),
    ]),
  ],
]);

const count = logs.reduce((sum, { lines }) => sum + lines.length, 0);
const speeds = Object.entries(forms).flatMap(([name, form]) => {
  const formed = logs.map(({ lines }) => lines.map(form));
  return [
    [
      `${name}, a miner a log`,
      ...rates(count, () => formed.forEach((lines) => void mine(lines, new Miner()))),
    ],
    [
      `${name}, one miner for all`,
      ...rates(count, () => {
        const miner = new Miner();
        for (const lines of formed) mine(lines, miner);
      }),
    ],
  ];
});
printTable('Lines a second of one core (its own time; median of 9, and the best)', speeds);
printTable('The same of each log, with a miner of its own', [
  ['log', ...Object.keys(forms).flatMap((name) => [name, 'best'])],
  ...logs.map(({ name, lines }) => [
    name,
    ...Object.values(forms).flatMap((form) => {
      const formed = lines.map(form);
      return rates(formed.length, () => void mine(formed, new Miner()));
    }),
  ]),
]);

/**
 * Thousands of lines in a second of this process's time: what others run beside it counts less. The best run is what the
 * machine gives when nobody else takes its caches.
 */
function rates(lines: number, run: () => void): [median: string, best: string] {
  const times: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (round >= 3) times.push(user + system);
  }
  const rate = (microseconds: number): string => `${((lines / microseconds) * 1000).toFixed(0)} k`;
  return [rate(median(times)), rate(Math.min(...times))];
}

function mine(lines: readonly string[], miner: Miner): string[] {
  return lines.map((line) => {
    let template = '';
    for (const { text, isTemplate } of messagesOf(line)) template = isTemplate ? text : miner.template(text);
    return template;
  });
}

function judge(lines: readonly string[], events: readonly string[]) {
  const miner = new Miner();
  const online = mine(lines, miner);
  const groups = lines.map((line) => {
    const [{ text, isTemplate } = { text: '', isTemplate: true }] = messagesOf(line);
    return isTemplate ? text : miner.resolve(mask(text));
  });
  return {
    groups: new Set(groups).size,
    end: groupingAccuracy(groups, events),
    online: groupingAccuracy(online, events),
  };
}

/** Rows of cells; a quoted cell may hold commas, newlines and doubled quotes. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    if (row.length > 1) rows.push(row);
    row = [];
  }
  return rows;
}
