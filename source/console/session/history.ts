import { closeSync, constants, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { messageOf } from '../../errors.ts';
import { isOwnFolder, ownFolder } from '../../own-folders.ts';
import { openOwnFile, readOwnFile } from '../../private-files.ts';
import { safeJson } from '../../ui/text.ts';

/**
 * The lines typed behind `:`, kept over the end of the console in a file that only this user may read, and told apart by
 * the server they were typed for. What may hold a secret is not kept, nor is what confirms by itself or begins with a
 * space.
 */
export type History = {
  /** Those of this server, oldest first. */
  lines(): readonly string[];
  /** @returns why it cannot be kept over the end of the console, the first time that is so */
  add(line: string): string | undefined;
};

const mostLines = 1000;
const entry = v.object({ at: v.number(), server: v.string(), line: v.pipe(v.string(), v.maxLength(65_536)) });
type Entry = v.InferOutput<typeof entry>;

const secret = /^\s|--yes\b|pass(word|wd)?\b|secret|token|:\/\/[^\s/]*:[^\s/]*@|^lock (extend|release)\b/i;

export function openHistory(stateDirectory: string, server: string): History {
  const file = path.join(stateDirectory, 'history');
  // What another user may have put there is not offered as what was typed here.
  let entries: readonly Entry[] = isOwnFolder(stateDirectory) ? read(file).slice(-mostLines) : [];
  let isKept = true;

  const keep = (added: Entry): void => {
    ownFolder(stateDirectory);
    write(file, constants.O_APPEND, [added]);
    // Others may have added to it meanwhile.
    const all = read(file);
    if (all.length < 2 * mostLines) return;
    write(file, constants.O_TRUNC, all.slice(-mostLines));
  };

  return {
    lines: () => entries.filter((one) => one.server === server).map(({ line }) => line),
    add(line) {
      if (line.trim() === '' || secret.test(line)) return;
      if (entries.findLast((one) => one.server === server)?.line === line) return;
      const added = { at: Date.now(), server, line };
      entries = [...entries, added].slice(-mostLines);
      if (!isKept) return;
      try {
        keep(added);
      } catch (error) {
        isKept = false;
        return `What you type is remembered until the console ends, no longer: ${messageOf(error)}`;
      }
    },
  };
}

/** @throws {Error} saying why the file is not ours, or cannot be written */
function write(file: string, how: number, all: readonly Entry[]): void {
  const descriptor = openOwnFile(file, constants.O_WRONLY | constants.O_CREAT | how);
  try {
    writeFileSync(descriptor, all.map((one) => `${safeJson(one)}\n`).join(''));
  } finally {
    closeSync(descriptor);
  }
}

/** Lines that are no entry, as of a file that was cut off, are left out. */
function read(file: string): readonly Entry[] {
  let text: string;
  try {
    text = readOwnFile(file);
  } catch {
    // None yet, or it may not be read: then nothing is remembered.
    return [];
  }
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    try {
      const parsed = v.safeParse(entry, JSON.parse(line));
      return parsed.success ? [parsed.output] : [];
    } catch {
      return [];
    }
  });
}
