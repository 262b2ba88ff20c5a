/**
 * Terminal escapes: CSI (colours), OSC (titles, links) and those of two bytes. Programs also write them as text, such as
 * `\u001b[31m`, `\x1b[31m`, `^[[31m`, or, through syslog, `#033[31m`.
 */
const escapes =
  /(?:(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[ -/]{0,8}[0-~]|(?:\\{1,8}(?:u001b|x1b|033|e)|#033|\^\[)\[[\d;:?]{0,32}[A-Za-z])+/gi;
/** What spells an escape as text has a bracket, and one of these in front of it. */
const spelled = /(?:1b|033|\\e|\^\[)\[/i;
const wordCharacter = /[\p{L}\p{N}_]/u;

/**
 * A line without what only its way to us put there: a byte order mark, the end of the line, colours. A colour between
 * two words keeps them apart.
 */
export function clean(line: string): string {
  let text = line;
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (hasEscapes(text)) {
    text = text.replace(escapes, (run, ...rest) => {
      const [offset, whole] = rest.slice(-2) as [number, string];
      const joins =
        wordCharacter.test(whole[offset - 1] ?? '') && wordCharacter.test(whole[offset + run.length] ?? '');
      return joins ? ' ' : '';
    });
  }
  return text.trim();
}

function hasEscapes(text: string): boolean {
  if (text.includes('\u001b') || text.includes('\u009b')) return true;
  for (let at = text.indexOf('['); at !== -1; at = text.indexOf('[', at + 1)) {
    if ('b3e[B'.includes(text[at - 1] ?? ' ')) return spelled.test(text);
  }
  return false;
}

/** Where a multi-line text says what it is about. */
export function firstLine(text: string): string {
  const trimmed = text.trimStart();
  const end = trimmed.search(/[\r\n]/);
  return (end === -1 ? trimmed : trimmed.slice(0, end)).trimEnd();
}

/** What stands between quotes, as it was before it was put there. */
export function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(?:u([\da-f]{4})|([^u])|u)/gi, (_, hex?: string, one?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (one === 'n' || one === 'r') return '\n';
    return one === 't' ? ' ' : (one ?? '');
  });
}
