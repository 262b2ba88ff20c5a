import { QuarterdeckError, UsageError } from '../../errors.ts';
import { shellWord } from '../../shell-word.ts';
import { described } from '../../values.ts';

/** A type whose name would collide with the keys kept beside another type's counts, or none at all. */
export class BadTypeError extends UsageError {
  constructor(type: unknown, reason: string) {
    super(`Expected the type of a buffer, got ${described(type)}: ${reason}`, { code: 'BAD_TYPE' });
  }
}

/** SQL indexes refuse much longer keys. */
export const longestId = 512;

/** An id that SQL would not take as a key. */
export class BadIdError extends UsageError {
  constructor(given: unknown) {
    const shown = described(given).replaceAll('\0', '\\0');
    super(`Expected \`id\` to be UTF-8 text of 1 to ${longestId} characters without NUL, got ${shown}`, {
      code: 'BAD_ID',
    });
  }
}

/** Not a count: negative, zero, fractional, or past what a double counts exactly. */
export class BadCountError extends UsageError {
  constructor(by: unknown) {
    super(`Expected \`by\` to be a whole number from 1 to 2^53 - 1, got ${described(by)}`, {
      code: 'BAD_COUNT',
      hint: 'Counts only grow; scale fractions up, such as cents instead of euros',
    });
  }
}

/** One call counts all of its ids or none, so it takes no more than one script does. */
export class TooManyIdsError extends UsageError {
  constructor(ids: number, most: number) {
    super(`Expected at most ${most} different ids in one call, got ${ids}`, {
      code: 'TOO_MANY_IDS',
      hint: 'Use an IncrementBuffer, which sends any number in parts, or several calls',
    });
  }
}

/** The sum would pass 2^53 - 1, where sorted sets stop counting exactly. Nothing of the call was counted. */
export class CountTooLargeError extends QuarterdeckError {
  constructor(type: string, id: string) {
    super('data', 'COUNT_TOO_LARGE', `The pending count of \`${id}\` in \`${type}\` would pass 2^53 - 1`, {
      hint: `Flush it to SQL first: \`quarterdeck buffer flush ${shellWord(type)} --to ...\``,
    });
  }
}

/** A line of stdin that is not `ID<TAB>BY`; the lines before it were counted. */
export class BadLineError extends QuarterdeckError {
  constructor(lineNumber: number, reason: string) {
    super('data', 'BAD_LINE', `Line ${lineNumber} is not \`ID<TAB>BY\`: ${reason}`, {
      hint:
        lineNumber > 1
          ? `The ${lineNumber - 1} lines before it were counted: mend it, then send on from line ${lineNumber}`
          : 'Nothing was counted',
    });
  }
}

/** A batch was claimed for another database and may be applied there already. */
export class BatchElsewhereError extends QuarterdeckError {
  constructor(type: string, batchKey: string) {
    super('data', 'BATCH_ELSEWHERE', `A batch of \`${type}\` is in flight to another database`, {
      hint:
        'Flush there once more. If that database is gone for good, ' +
        `\`redis-cli HDEL ${shellWord(batchKey)} target\` hands the batch to the next flush`,
    });
  }
}

/** `--to`, `--table`, `--key` or `--column` is not something SQL is asked with. */
export class BadTargetError extends UsageError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'BAD_TARGET', ...(hint !== undefined && { hint }) });
  }
}

const stays = 'Every count stays pending in Redis; flush again afterwards';

/** The database cannot be opened or reached, or refuses us. */
export class SqlUnreachableError extends QuarterdeckError {
  constructor(label: string, detail: string, options: { cause?: unknown; hint?: string } = {}) {
    super('program', 'SQL_UNREACHABLE', `Cannot open ${label}: ${detail}`, { hint: stays, ...options });
  }
}

/** The table, the column or the unique key that a flush needs is not there. */
export class SqlSchemaError extends QuarterdeckError {
  constructor(
    code: 'SQL_NO_TABLE' | 'SQL_NO_COLUMN' | 'SQL_NO_KEY' | 'SQL_COLUMN_TYPE' | 'SQL_KEY_TYPE',
    message: string,
    hint: string,
  ) {
    super('program', code, message, { hint: `${hint}. ${stays}` });
  }
}

/** SQL refused a statement, or went away in the middle; the transaction did not commit as far as we know. */
export class SqlFailedError extends QuarterdeckError {
  constructor(label: string, detail: string, options: { cause?: unknown; hint?: string } = {}) {
    super('program', 'SQL_FAILED', `${label} did not take the batch: ${detail}`, {
      hint: 'The batch stays in flight and is offered again under the same id: nothing is lost or counted twice',
      ...options,
    });
  }
}

/** So many rows are refused that the table, not the rows, is at fault: nothing of the batch was written. */
export class TooManyRefusedError extends QuarterdeckError {
  constructor(
    label: string,
    refused: readonly { readonly id: string; readonly reason: string }[],
    of: number,
  ) {
    const some = refused.slice(0, 3).map(({ id, reason }) => `\`${id}\` (${reason})`);
    super(
      'program',
      'SQL_REFUSED',
      `${label} refuses ${refused.length} of ${of} ids, such as ${some.join(', ')}`,
      {
        hint: 'Look at the table, its type and its constraints. The batch stays in flight: nothing of it was written',
      },
    );
  }
}

/** SQL refuses no such id of this type. */
export class NotAsideError extends QuarterdeckError {
  constructor(type: string, ids: readonly string[]) {
    const shown = ids.slice(0, 3).map((id) => `\`${id}\``);
    super('data', 'NOT_ASIDE', `Nothing of \`${type}\` is set aside for ${shown.join(', ')}`, {
      hint: `\`quarterdeck buffer aside ${shellWord(type)}\` lists what is; an id may just be tried again`,
    });
  }
}
