/** Colours and weights inside painted lines: SGR sequences, and nothing else that steers. */

export const sgr = /\u001B\[([\d;:]*)m/g;

/** The line without its styles. */
export function plain(line: string): string {
  return line.includes('\u001B') ? line.replaceAll(sgr, '') : line;
}

/** The sequences in force at this position, in the order they were opened. */
export function stylesAt(line: string, position: number): readonly string[] {
  // Painting asks this several times a line: nothing before the last reset matters, and few lines have more than a few.
  const reset = line.lastIndexOf(resetStyles, position - resetStyles.length);
  let at = line.indexOf('\u001B[', reset === -1 ? 0 : reset + resetStyles.length);
  if (at === -1 || at >= position) return none;
  const active = new Map<string, string>();
  for (; at !== -1 && at < position; at = line.indexOf('\u001B[', at + 1)) {
    const end = line.indexOf('m', at);
    if (end === -1 || end >= position) break;
    const code = line.slice(at + 2, end);
    const kind = kindOf(code);
    if (kind === 'all') active.clear();
    else if (kind.startsWith('-')) for (const closed of kind.slice(1).split(' ')) active.delete(closed);
    else active.set(kind, line.slice(at, end + 1));
  }
  return [...active.values()];
}

const none: readonly string[] = [];

/** The position itself, or the beginning of the sequence it lies in. */
export function outsideSequence(line: string, position: number): number {
  const opening = line.lastIndexOf('\u001B', position - 1);
  if (opening === -1) return position;
  const end = line.indexOf('m', opening);
  return end >= position ? opening : position;
}

export const resetStyles = '\u001B[0m';

const closers: Readonly<Record<string, string>> = {
  '': 'all',
  '0': 'all',
  '22': '-1 2',
  '23': '-3',
  '24': '-4',
  '27': '-7',
  '28': '-8',
  '29': '-9',
  '39': '-foreground',
  '49': '-background',
  '55': '-53',
};

/** Which style a code sets, `-` and which it ends, or `all` for a reset. */
function kindOf(code: string): string {
  const closer = closers[code];
  if (closer !== undefined) return closer;
  if (/^(3\d|9\d)/.test(code)) return 'foreground';
  return /^(4\d|10\d)/.test(code) ? 'background' : code;
}
