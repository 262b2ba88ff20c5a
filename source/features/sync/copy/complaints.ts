import path from 'node:path';

/** What rsync says on stderr about single files, in its own words, and which of them it is about. */
export type Complaint = {
  /** Without what says which program speaks. */
  readonly text: string;
  /** The path as it was quoted, on either side; undefined where none was. */
  readonly quoted: string | undefined;
};

const longestText = 400;

/** rsync's last line only says that something went wrong before. */
export function complaintsIn(lines: readonly string[]): Complaint[] {
  return lines
    .filter((line) => !/^rsync (error|warning):|^\*\*\* Skipping/.test(line))
    .map((line) => {
      const text = line.replace(/^rsync: (?:\[[a-z=0-9. ]+\] )?/i, '').slice(0, longestText);
      const inTheWay = /^could not make way for [a-z ]+: (.*)$/.exec(line)?.[1];
      const quoted = inTheWay ?? /"(.*)"/.exec(line)?.[1];
      return { text, quoted: quoted === undefined ? undefined : unescaped(quoted) };
    });
}

/**
 * The path below the base that a complaint is about, where it quotes one of the base. Where a name itself holds a quote,
 * its end is anybody's guess.
 */
export function pathBelow(source: string, { text, quoted }: Complaint): string | undefined {
  if (quoted === undefined) return;
  if (text.startsWith('could not make way')) return quoted;
  return quoted.startsWith(source) && !quoted.includes('"') ? quoted.slice(source.length) : undefined;
}

/** What was said about a path, about a folder above it, or, where nothing was, the first thing that was said. */
export function reasonFor(name: string, complaints: readonly Complaint[]): string {
  const parts = name.split('/');
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const wanted = parts.slice(0, depth).join('/');
    const [about] = complaints
      .filter(({ quoted }) => quoted !== undefined && isAbout(quoted, wanted))
      // Where the target begins is not known: `f` ends `/target/f` and `/target/deep/f`.
      .sort((one, other) => (one.quoted ?? '').length - (other.quoted ?? '').length);
    if (about) return about.text;
  }
  return complaints[0]?.text ?? 'rsync did not say why';
}

/** A file is written under a name of its own first: `.NAME.XXXXXX` beside it. */
function isAbout(quoted: string, name: string): boolean {
  const folder = path.dirname(quoted);
  const temporary = /^\.(.+)\.[A-Za-z0-9]{6}$/.exec(path.basename(quoted))?.[1];
  const named = temporary === undefined ? quoted : path.join(folder, temporary);
  return quoted === name || quoted.endsWith(`/${name}`) || named === name || named.endsWith(`/${name}`);
}

/** rsync writes what it cannot show, also a newline, as `\#012`; a line of it is UTF-8 otherwise. */
function unescaped(text: string): string {
  const bytes = Buffer.from(text)
    .toString('latin1')
    .replaceAll(/\\#(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1').toString();
}
