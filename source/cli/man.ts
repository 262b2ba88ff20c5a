import type { CommandLoaders } from '../commands/completion.ts';
import { exitCodeRows, flagRows, globalRows, purpose, type Row, wordRows } from '../commands/manual.ts';
import * as printed from '../commands/printed.ts';
import { type AnyCommand, usageOf } from '../commands/run-command.ts';
import { defineCommand } from '../features/feature.ts';
import { features } from '../features/index.ts';

/** The command that prints the man page of every feature's commands and these of the whole console. */
export const manCommand = (shellCommands: CommandLoaders) =>
  defineCommand({
    verb: 'man',
    summary: 'print the man page, for `man -l -` or a directory of your MANPATH',
    prints: printed.page,
    writes: false,
    offline: true,
    examples: [
      'quarterdeck man | man -l -',
      'quarterdeck man > ~/.local/share/man/man1/quarterdeck.1 && man quarterdeck',
    ],
    async run() {
      const page = await manPage(shellCommands);
      return { json: { page }, text: page.split('\n') };
    },
  });

async function manPage(shellCommands: CommandLoaders): Promise<string> {
  const nouns = await Promise.all(Object.values(features).map((load) => load()));
  const whole = await Promise.all(
    Object.entries(shellCommands).map(async ([name, load]) => [name, await load()] as const),
  );
  return [
    '.TH QUARTERDECK 1',
    '.SH NAME',
    text(`quarterdeck - ${purpose}`),
    '.SH SYNOPSIS',
    '.B quarterdeck',
    '.RI [ FLAGS ]',
    '.br',
    '.B quarterdeck',
    '.I NOUN VERB',
    '.RI [ ARGS "] [" FLAGS ]',
    '.SH DESCRIPTION',
    text('Without a command it opens the console; there `?` shows every key, and `:` runs any command.'),
    text('A flag may stand anywhere after the command.'),
    ...nouns.flatMap(({ noun, summary, commands }) => [
      `.SH ${noun.toUpperCase()}`,
      text(summary),
      ...commands.flatMap((command) => described(`${noun} ${command.verb}`, command)),
    ]),
    '.SH THE WHOLE CONSOLE',
    ...whole.flatMap(([name, command]) => described(name, command)),
    '.SH OPTIONS',
    ...tagged(globalRows()),
    '.SH EXIT STATUS',
    ...tagged(exitCodeRows),
    '.SH ENVIRONMENT',
    ...tagged([
      ['REDIS_URL', 'the server, unless --url or QUARTERDECK_URL names one'],
      ['QUARTERDECK_NAME', 'any option above, such as QUARTERDECK_READ_ONLY=1'],
      ['QUARTERDECK_PASSWORD', 'the password; it is never printed nor handed to the commands we run'],
      ['NO_COLOR', 'paint without colour'],
    ]),
    '.SH FILES',
    ...tagged([
      ['~/.config/quarterdeck/config.json', 'any option above by its name, such as "readOnly": true'],
    ]),
  ].join('\n');
}

function described(path: string, command: AnyCommand): readonly string[] {
  const rows = [...wordRows(command), ...flagRows(command)];
  return [
    `.SS ${quoted(usageOf(path, command).replace(/^quarterdeck /, ''))}`,
    text(command.summary),
    ...tagged(rows),
    ...(command.examples ? ['.PP', '.EX', ...command.examples.map(text), '.EE'] : []),
  ];
}

function tagged(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(([name, meaning]) => [
    '.TP',
    `.B ${quoted(name)}`,
    text(meaning === '' ? name : meaning),
  ]);
}

/** One argument of a roff request. */
function quoted(words: string): string {
  return `"${escaped(words).replaceAll('"', '\\(dq')}"`;
}

/** A line of text: one that begins with a dot or a quote would be a request. */
function text(line: string): string {
  return /^[.']/.test(line) ? `\\&${escaped(line)}` : escaped(line);
}

/** Four digits at least, as roff wants them. */
function codeOf(sign: string): string {
  return (sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

/** Hyphens, quotes and backquotes are meant as typed: roff makes typographic ones of them. */
function escaped(line: string): string {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll(/[^\p{ASCII}]/gu, (sign) => `\\[u${codeOf(sign)}]`);
}
