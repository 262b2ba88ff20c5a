import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { mask } from '../source/features/log/template/mask.ts';
import { Miner } from '../source/features/log/template/miner.ts';
import { groupingAccuracy } from '../test/log/synthetic-log.ts';
import { printTable } from './harness.ts';

/**
 * How well lines are grouped, judged by logs of which it is known: Loghub's `NAME_2k.log` and
 * `NAME_2k.log_structured.csv` in the directory given (https://github.com/logpai/loghub). A line is right if the lines
 * grouped with it are exactly those of its event, as in Drain's paper and in Loghub's own benchmark. `message` groups
 * the column Content, as they do; `line` groups whole lines, as they come out of a pipe: stamp, host, level and tag
 * are part of the template then, so that events which several programs share count as wrong.
 */
const directory = process.argv[2];
if (directory === undefined) {
  process.stdout.write(
    'Skipped: node --import ./scripts/register-lua.ts bench/log-templates.ts DIRECTORY judges the logs in it\n',
  );
  process.exit(0);
}

const suffix = '.log_structured.csv';
const names = readdirSync(directory)
  .filter((name) => name.endsWith(suffix))
  .toSorted();
const results = names.map((name) => {
  const [header = [], ...rows] = parseCsv(readFileSync(path.join(directory, name), 'utf8'));
  const column = (label: string): string[] => rows.map((row) => row[header.indexOf(label)] ?? '');
  const events = column('EventId');
  const raw = readFileSync(path.join(directory, name.replace(suffix, '.log')), 'utf8').split(/\r?\n/);
  return {
    name: name.replace(suffix, '').replace('_2k', ''),
    lines: events.length,
    events: new Set(events).size,
    message: judge(column('Content'), events),
    line: judge(raw.slice(0, events.length), events),
  };
});

const mean = (of: (result: (typeof results)[number]) => number): string =>
  (results.reduce((sum, result) => sum + of(result), 0) / results.length).toFixed(3);
printTable('Grouping accuracy, one setting for all', [
  ['log', 'lines', 'events', 'message: groups', 'accuracy', 'line: groups', 'accuracy'],
  ...results.map(({ name, lines, events, message, line }) => [
    name,
    `${lines}`,
    `${events}`,
    `${message.groups}`,
    message.accuracy.toFixed(3),
    `${line.groups}`,
    line.accuracy.toFixed(3),
  ]),
  ['mean', '', '', '', mean(({ message }) => message.accuracy), '', mean(({ line }) => line.accuracy)],
]);

function judge(lines: readonly string[], events: readonly string[]) {
  const miner = new Miner();
  for (const line of lines) miner.template(line);
  const groups = lines.map((line) => miner.resolve(mask(line)));
  return { groups: new Set(groups).size, accuracy: groupingAccuracy(groups, events) };
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
