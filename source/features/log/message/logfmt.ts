import { unescaped } from './clean.ts';
import type { Fields } from './json.ts';

const pair = /(?:^|[^\S\n]+)([\p{L}_@][\p{L}\d_.@/-]*)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?(?=\s|$)/uy;
const leastPairs = 3;

/** `ts=… level=info msg="…"`: the fields of a line that is all `key=value`; undefined of any other line. */
export function logfmtFields(line: string): Fields | undefined {
  // Most lines are recognised by their first word.
  const space = line.indexOf(' ');
  const equals = line.lastIndexOf('=', space);
  if (space === -1 || equals < 1) return;
  const fields = new Map<string, unknown>();
  let pairs = 0;
  pair.lastIndex = 0;
  while (pair.lastIndex < line.length) {
    const from = pair.lastIndex;
    const [whole, key = '', quoted, plain] = pair.exec(line) ?? [];
    if (whole === undefined) return;
    if (quoted !== undefined || plain !== undefined) pairs += 1;
    const name = key.toLowerCase();
    // Of a key that comes twice the first counts.
    if (!fields.has(name)) fields.set(name, quoted === undefined ? (plain ?? '') : unescaped(quoted));
    pair.lastIndex = from + whole.length;
  }
  return pairs >= leastPairs ? fields : undefined;
}
