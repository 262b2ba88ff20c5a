import * as v from 'valibot';
import { QuarterdeckError } from '../../errors.ts';
import { name, wholeNumber } from '../../values.ts';
import type { CommandContext } from '../feature.ts';
import { largestCount } from './hits.ts';

/** How many hits, from text. */
export const count = wholeNumber({ min: 0, max: largestCount });

/** A line of stdin that is neither a count nor a hit. */
export class BadCountError extends QuarterdeckError {
  constructor(line: string, lineNumber: number, expected: string) {
    super('data', 'BAD_COUNT', `Expected ${expected} in line ${lineNumber}, got \`${line.slice(0, 80)}\``, {
      hint: 'What the lines before it counted is in; nothing after it is',
    });
  }
}

/** Each line is a hit, whatever its bytes are; one that is only a number is as many. */
export async function readLines({ stdin }: CommandContext, add: (count: number) => void): Promise<void> {
  let lineNumber = 0;
  for await (const text of stdin(anyLine)) {
    lineNumber += 1;
    if (!/^\s*[-+]?\d*[.,]?\d+\s*$/.test(text)) add(1);
    else add(counted(text, lineNumber));
  }
}

/** Only whether a line is a number matters, and no number is longer. */
const anyLine = { showsBytes: true, long: { bytes: 4096, shorten: (head: string) => `${head}...` } };

/** Each line names a series, with a count behind a tab. */
export async function readNamed(
  { stdin }: CommandContext,
  add: (to: string, count: number) => void,
): Promise<void> {
  let lineNumber = 0;
  for await (const text of stdin()) {
    lineNumber += 1;
    const [to = '', counts = '1', ...rest] = text.split('\t');
    if (!v.is(name, to) || rest.length > 0)
      throw new BadCountError(text, lineNumber, 'a series, a tab and a count');
    add(to, counted(counts, lineNumber));
  }
}

function counted(text: string, lineNumber: number): number {
  const parsed = v.safeParse(count, text.trim());
  if (!parsed.success) throw new BadCountError(text, lineNumber, `a whole number from 0 to ${largestCount}`);
  return parsed.output;
}
