import { QuarterdeckError } from '../../../errors.ts';
import { shellWord } from '../../../shell-word.ts';
import { described } from '../../../values.ts';

export class ChannelNameError extends QuarterdeckError {
  constructor(channel: unknown, reason: string) {
    super(
      'usage',
      'SHIP_BAD_CHANNEL_NAME',
      `Expected a name for a channel, got ${described(channel)}: ${reason}`,
    );
  }
}

/** Not even one part would fit. */
export class BudgetTooSmallError extends QuarterdeckError {
  constructor(budgetBytes: number, neededBytes: number, what: string) {
    super(
      'usage',
      'SHIP_BUDGET_TOO_SMALL',
      `A budget of ${budgetBytes} bytes is smaller than ${what}, which takes ${neededBytes} bytes of Redis`,
      { hint: 'Raise --budget, or cut smaller parts with --part' },
    );
  }
}

export class PathMissingError extends QuarterdeckError {
  constructor(path: string, cause: unknown) {
    super('data', 'SHIP_PATH_MISSING', `There is no file or directory \`${path}\``, {
      cause,
      hint: 'Check the path; relative ones start from the current directory',
    });
  }
}

export class PathUnreadableError extends QuarterdeckError {
  constructor(path: string, detail: string, cause?: unknown) {
    super('data', 'SHIP_PATH_UNREADABLE', `Cannot read \`${path}\`: ${detail}`, {
      cause,
      hint: 'Run it as a user who may read it, or ship something else',
    });
  }
}

/** With this before their names no consumer could write the files. */
export class PrefixError extends QuarterdeckError {
  constructor(prefix: string) {
    super('usage', 'SHIP_BAD_PREFIX', `Expected a prefix that stays inside a directory, got \`${prefix}\``, {
      hint: 'Leave out `..`, a leading `/` and NUL',
    });
  }
}

/** Two files would arrive under one name. */
export class NamesClashError extends QuarterdeckError {
  constructor(name: string, first: string, second: string) {
    super(
      'usage',
      'SHIP_NAMES_CLASH',
      `Two files would be shipped as \`${name}\`: \`${first}\` and \`${second}\``,
      {
        hint: 'Ship them in runs of their own with different --prefix, or ship the directory above both',
      },
    );
  }
}

/** Another shipper is at work on this channel under other terms. */
export class TermsDifferError extends QuarterdeckError {
  constructor(channel: string, what: 'budget' | 'consumers', ours: number, theirs: number) {
    super(
      'usage',
      'SHIP_TERMS_DIFFER',
      `Channel \`${channel}\` is being shipped to with --${what} ${theirs}, not ${ours}`,
      { hint: `Use --${what} ${theirs} as well, or another channel` },
    );
  }
}

/** The key a part would get holds something that was not shipped by us. */
export class KeyTakenError extends QuarterdeckError {
  constructor(key: string, type: string) {
    super(
      'data',
      type === 'string' ? 'SHIP_KEY_TAKEN' : 'WRONG_TYPE',
      `Key \`${key}\` already holds a ${type} that was not shipped by this channel; it is left alone`,
      {
        hint: `Look at it with \`redis-cli TYPE ${shellWord(key)}\`, then remove it or choose another --channel`,
      },
    );
  }
}

/** Another live shipper has this file in hand. */
export class FileOwnedError extends QuarterdeckError {
  constructor(file: string, owner: string) {
    super('data', 'SHIP_FILE_OWNED', `\`${file}\` is being shipped to this channel by ${owner}`, {
      hint: 'Let that one finish, or use another channel or --prefix',
    });
  }
}

/** Files that exist could not be read; everything else was shipped. */
export class FilesFailedError extends QuarterdeckError {
  constructor(problems: readonly string[]) {
    super('data', 'SHIP_FILES_FAILED', `${problems.length} not shipped: ${problems.join('; ')}`, {
      hint: 'The others were shipped; run it again when these can be read',
    });
  }
}

/** This shipper was silent for so long that its place was given away, or Redis lost the channel. */
export class ShipperFencedError extends QuarterdeckError {
  constructor(channel: string) {
    super('connection', 'SHIP_FENCED', `This shipper's place on channel \`${channel}\` is gone`, {
      hint: 'It was silent for too long, or Redis lost its data',
    });
  }
}

export class NoConsumersError extends QuarterdeckError {
  constructor(channel: string) {
    super('data', 'SHIP_NO_CONSUMERS', `Every consumer of channel \`${channel}\` was forgotten`, {
      hint: 'End this run and start it again with --consumers N',
    });
  }
}

/** Nothing was ever shipped there. */
export class UnknownChannelError extends QuarterdeckError {
  constructor(channel: string) {
    super('data', 'SHIP_UNKNOWN_CHANNEL', `There is no channel \`${channel}\``, {
      hint: 'See `quarterdeck ship status`',
    });
  }
}

/** The channel waits for others, not for this one. */
export class NotExpectedError extends QuarterdeckError {
  constructor(channel: string, id: string, expected: readonly string[]) {
    const who = expected.length > 0 ? expected.join(', ') : 'nobody';
    super(
      'data',
      'SHIP_NOT_EXPECTED',
      `Channel \`${channel}\` does not expect a consumer \`${id}\`; it expects ${who}`,
      {
        hint: 'Use one of those with --as, or start `ship run` with more --consumers',
      },
    );
  }
}

/** Another process consumes under this id. */
export class ConsumerBusyError extends QuarterdeckError {
  constructor(channel: string, id: string, holder: string) {
    super(
      'data',
      'SHIP_CONSUMER_BUSY',
      `Consumer \`${id}\` of channel \`${channel}\` is running as ${holder}`,
      {
        hint: 'Two under one id would get half each: end that one, or use another id',
      },
    );
  }
}

/** Another process took this consumer's place, or it was forgotten. */
export class ConsumerReplacedError extends QuarterdeckError {
  constructor(channel: string, id: string) {
    super('data', 'SHIP_CONSUMER_REPLACED', `Consumer \`${id}\` of channel \`${channel}\` lost its place`, {
      hint: 'It was forgotten, or another process took over after a long silence',
    });
  }
}

/** The cursor of a consumer was moved past parts that somebody counted, and it cannot be known who. */
export class PartsUncountedError extends QuarterdeckError {
  constructor(channel: string, id: string, parts: readonly string[]) {
    const some = parts.slice(0, 3).join(', ');
    super(
      'data',
      'SHIP_PARTS_UNCOUNTED',
      `Consumer \`${id}\` of channel \`${channel}\` may owe ${parts.length} parts (${some}): its cursor is past them, and not every program that fetched them has counted them`,
      {
        hint: `Wait until those programs are done; or give them up with \`quarterdeck ship forget ${shellWord(channel)} ${shellWord(id)}\``,
      },
    );
  }
}

/** Parts were set aside: they stay in Redis, and everything else was delivered. */
export class PartsAsideError extends QuarterdeckError {
  constructor(channel: string, id: string, reasons: readonly string[], count: number) {
    const some = reasons.slice(0, 5).join('; ');
    super(
      'data',
      'SHIP_PARTS_ASIDE',
      `${count} ${count === 1 ? 'part is' : 'parts are'} set aside by consumer \`${id}\` of channel \`${channel}\`${some === '' ? '' : `: ${some}`}`,
      {
        hint: `List them with \`quarterdeck ship aside ${shellWord(channel)}\`; mend the cause, then \`quarterdeck ship retry ${shellWord(channel)} ${shellWord(id)} --all\``,
      },
    );
  }
}

/** None of these parts is set aside. */
export class NotAsideError extends QuarterdeckError {
  constructor(channel: string, consumer: string, parts: readonly string[]) {
    super(
      'data',
      'SHIP_NOT_ASIDE',
      `Consumer \`${consumer}\` of channel \`${channel}\` has not set aside \`${parts.slice(0, 3).join('`, `')}\``,
      { hint: `See \`quarterdeck ship aside ${shellWord(channel)}\`` },
    );
  }
}

/** As many parts are aside as may be; the next one stays where it is. */
export class AsideFullError extends QuarterdeckError {
  constructor(channel: string, count: number, reason: string) {
    super(
      'data',
      'SHIP_ASIDE_FULL',
      `${count} parts of channel \`${channel}\` are set aside already, and the next one cannot be taken either: ${reason}`,
      {
        hint: `Look at them with \`quarterdeck ship aside ${shellWord(channel)}\`, or allow more with --aside-limit`,
      },
    );
  }
}

/** A shipped name that would be written outside the directory. */
export class UnsafeNameError extends QuarterdeckError {
  constructor(name: string) {
    super('data', 'SHIP_UNSAFE_NAME', `Refused to write \`${name}\`: it leads out of the directory`, {
      hint: 'Look at who ships to this channel; without --out the lines can still be read',
    });
  }
}

/** What stands at the place of a shipped file under --out is nothing that it can be written to. */
export class OutPlaceError extends QuarterdeckError {
  constructor(name: string, reason: string) {
    super('data', 'SHIP_OUT_PLACE', `Refused to write \`${name}\`: ${reason}`, {
      hint: 'Remove what stands there, or choose another directory with --out',
    });
  }
}

/** A copy under --out was removed or replaced while it was written. */
export class OutMovedError extends QuarterdeckError {
  constructor(name: string, directory: string) {
    super(
      'data',
      'SHIP_OUT_MOVED',
      `\`${name}\` was removed or replaced in ${directory} while it was rebuilt: what was written of it is gone, and its last part was not acknowledged`,
      { hint: 'Let nothing else work in that directory; ship the file again for a whole copy' },
    );
  }
}

/** A file could not be written under --out. */
export class OutputError extends QuarterdeckError {
  constructor(path: string, detail: string, cause?: unknown) {
    super('data', 'SHIP_OUTPUT', `Cannot write \`${path}\`: ${detail}`, {
      cause,
      hint: 'What was not written stays in Redis; run it again when the cause is removed',
    });
  }
}

/** What arrived is not what a gzip file should be, or a part was gone before it was read. */
export class FilesDamagedError extends QuarterdeckError {
  constructor(problems: readonly string[]) {
    super('data', 'SHIP_FILES_DAMAGED', `${problems.length} damaged: ${problems.join('; ')}`, {
      hint: 'What could be read of them was delivered; look at the originals',
    });
  }
}

/** The command of --exec did not accept a part; it stays in Redis. */
export class ExecFailedError extends QuarterdeckError {
  constructor(command: string, file: string, how: string) {
    super('program', 'SHIP_EXEC_FAILED', `\`${command}\` ended with ${how} on \`${file}\``, {
      hint: 'The part was not acknowledged: the next start delivers it again',
    });
  }
}
