import { closeSync, constants, writeSync } from 'node:fs';
import type { Config } from '../config.ts';
import { type ErrorOptionsWithHint, messageOf, QuarterdeckError } from '../errors.ts';
import { openOwnFile } from '../private-files.ts';
import { escapeJson } from '../ui/text.ts';

/**
 * What the console does, one JSON object a line, for whoever looks for the reason of something: `--log FILE`.
 *
 * No secret gets into it: what is typed into a line or pasted is counted, not written; a command is written by its name
 * without what it was given; a password of the configuration is struck out wherever it stands. The file is this user's
 * alone, and is added to.
 */
export type LogEvent =
  | {
      readonly event: 'start';
      readonly pid: number;
      readonly servers: readonly string[];
      readonly columns: number;
      readonly rows: number;
    }
  /** A feature's feed is read, and what came of it. */
  | { readonly event: 'question'; readonly feature: string }
  | { readonly event: 'answer'; readonly feature: string; readonly durationMs: number }
  | {
      readonly event: 'failure';
      readonly feature: string;
      readonly durationMs: number;
      readonly error: string;
    }
  /** Messages of pub/sub for a feature. */
  | { readonly event: 'notification'; readonly feature: string; readonly messages: number }
  | { readonly event: 'connection'; readonly state: string; readonly attempt: number }
  | { readonly event: 'key'; readonly mode: string; readonly key: string }
  | { readonly event: 'typed' | 'pasted'; readonly mode: string; readonly characters: number }
  /** A command runs for the operator, and how it ended. */
  | { readonly event: 'act'; readonly command: string }
  | {
      readonly event: 'done';
      readonly command: string;
      readonly durationMs: number;
      readonly isGood: boolean;
    }
  /** One painting, without what the terminal needs to show it. */
  | { readonly event: 'frame'; readonly renderMs: number }
  /** What the status line says in red, and exceptions that nobody caught. */
  | { readonly event: 'error'; readonly error: string }
  | { readonly event: 'end'; readonly exitCode: number | null };

export type ConsoleLog = {
  write(event: LogEvent): void;
  close(): void;
};

/** The file of `--log` cannot be written to, or is not to be trusted. */
export class LogFileError extends QuarterdeckError {
  constructor(file: string, reason: string, options: ErrorOptionsWithHint = {}) {
    super('data', 'LOG_FILE', `Cannot write the log ${file}: ${reason}`, options);
  }
}

/**
 * @param onFailure called once when the file takes no more; the log then ends, the console does not
 * @throws {LogFileError} when it cannot be opened, is a link or no file, or belongs to somebody else
 */
export function openConsoleLog(
  file: string,
  config: Pick<Config, 'password' | 'sentinelPassword'>,
  onFailure: (error: LogFileError) => void,
): ConsoleLog {
  let descriptor: number | undefined = open(file);
  const secrets = [config.password, config.sentinelPassword].filter((secret) => secret !== undefined);
  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  return {
    write(event) {
      if (descriptor === undefined) return;
      try {
        writeSync(descriptor, `${lineOf(event, secrets)}\n`);
      } catch (error) {
        close();
        onFailure(new LogFileError(file, messageOf(error), { cause: error, hint: 'Nothing more is logged' }));
      }
    },
    close,
  };
}

function open(file: string): number {
  try {
    return openOwnFile(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  } catch (error) {
    throw new LogFileError(file, messageOf(error), {
      cause: error,
      hint: 'Name a file in a folder of your own',
    });
  }
}

/** Struck out are the passwords of the configuration and those in URLs that an error may repeat. */
function lineOf(event: LogEvent, secrets: readonly string[]): string {
  const json = JSON.stringify({ at: Date.now(), ...event }, (_, value: unknown) => {
    if (typeof value !== 'string') return value;
    const plain = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), value);
    return plain.replaceAll(/(:\/\/[^\s/:@]*):[^\s/@]*@/g, '$1:***@');
  });
  return escapeJson(json);
}
