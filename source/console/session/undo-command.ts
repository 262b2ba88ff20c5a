import type { AnyCommand } from '../../commands/run-command.ts';
import { QuarterdeckError } from '../../errors.ts';
import {
  type CommandContext,
  defineCommand,
  optionalWord,
  type Text,
  type Undo,
} from '../../features/feature.ts';
import { formatClock, formatClockSeconds } from '../../ui/format.ts';
import { safeLines, sanitise, wrap } from '../../ui/text.ts';
import { wholeNumber } from '../../values.ts';
import { type Entry, isUnanswered, type Journal } from './journal.ts';

/** There is no such act, or it cannot be taken back. */
export class NotUndoneError extends QuarterdeckError {
  constructor(reason: string) {
    super('data', 'NOT_UNDONE', `Nothing was taken back: ${reason}`, {
      hint: '`:undo` lists what was done here, and what of it can be taken back',
    });
  }
}

/** `:undo`: what this console did within the last hour, and taking it back where that can be done. */
export function undoCommand({ entries }: Pick<Journal, 'entries'>): AnyCommand {
  return defineCommand({
    verb: 'undo',
    summary: 'what this console did in the last hour; with a number: take that back, where it can be',
    words: { number: optionalWord('NUMBER', 'which, as `:undo` lists them', wholeNumber({ min: 1 })) },
    writes: true,
    onlyReads: ({ number }) => number === undefined,
    guard: {
      loses: false,
      async look(_, input) {
        if (input.number === undefined) return;
        const entry = wanted(entries(), input.number);
        const { path, atMs, answer } = entry;
        return {
          name: path,
          state: '',
          question: `Take back ${path} of ${formatClock(atMs)} (${answer})? ${undoOf(entry).effect}.`,
          input,
        };
      },
    },
    async run(context: CommandContext, { number }) {
      const known = entries();
      if (number === undefined) return listed(known);
      const entry = wanted(known, number);
      const undo = undoOf(entry);
      let text: Text;
      try {
        text = await undo.run(context);
      } catch (error) {
        if (isUnanswered(error)) entry.takenBackAtMs = 'unknown';
        throw error;
      }
      entry.takenBackAtMs = Date.now();
      return { json: { number, command: entry.path, text: safeLines(text) }, text };
    },
  });
}

const unknown =
  'that was sent, and no answer came: whether it was done is not known; look before you do it by hand';

function wanted(entries: readonly Entry[], number: number): Entry {
  const found = entries.find((entry) => entry.number === number);
  if (!found)
    throw new NotUndoneError(`nothing that was done here within the last hour has the number ${number}`);
  return found;
}

/** @throws {NotUndoneError} */
function undoOf(entry: Entry): Undo {
  if (entry.takenBackAtMs === 'unknown') throw new NotUndoneError(unknown);
  if (entry.takenBackAtMs !== undefined)
    throw new NotUndoneError(`that was done at ${formatClock(entry.takenBackAtMs)}`);
  if (!entry.undo) throw new NotUndoneError(`\`${entry.path}\` cannot be: ${reasonOf(entry)}`);
  return entry.undo;
}

function reasonOf({ final }: Pick<Entry, 'final'>): string {
  return final ?? 'there is no act that reverses it';
}

const longestLine = 70;

function listed(entries: readonly Entry[]) {
  if (entries.length === 0)
    return {
      json: [],
      text: 'Nothing was done from this console within the last hour; `:audit` lists what was done before',
    };
  // Long ones go on below, so that nothing is cut on a narrow screen.
  const lines = entries.flatMap((entry) => {
    const { number, atMs, path, answer } = entry;
    const what = `${formatClockSeconds(atMs)}  ${path}: ${answer}`;
    const [first = '', ...more] = [what, stateOf(entry)].flatMap((text) => wrap(sanitise(text), longestLine));
    return [`${String(number).padStart(3)}  ${first}`, ...more.map((line) => `     ${line}`)];
  });
  const newest = entries.find(({ undo, takenBackAtMs }) => undo && takenBackAtMs === undefined);
  return {
    json: entries.map(({ number, atMs, path, answer, undo, final, takenBackAtMs = null }) => ({
      number,
      atMs,
      command: path,
      answer,
      undoable: undo !== undefined && takenBackAtMs === null,
      takenBackAtMs,
      final: undo ? null : reasonOf({ final }),
    })),
    text: lines,
    ...(newest && {
      next: { path: 'undo', input: { number: newest.number }, help: `take back ${newest.number}` },
    }),
  };
}

function stateOf({ number, undo, takenBackAtMs, final }: Entry): string {
  if (takenBackAtMs === 'unknown') return unknown;
  if (takenBackAtMs !== undefined) return `taken back at ${formatClock(takenBackAtMs)}`;
  if (undo) return `\`:undo ${number}\` takes it back`;
  return `cannot be taken back: ${reasonOf({ final })}`;
}
