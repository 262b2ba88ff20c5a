import { isUtf8 } from 'node:buffer';
import { endingOf } from './family.ts';
import { bytesOf, type RawPath, rawOf } from './raw-path.ts';

/** What a file travels under, and its name on disk where that is another. */
export type Named = { readonly name: string; readonly rawName?: Buffer | undefined };

export type SelectionOptions = {
  /** Only files that match one of these are taken. */
  readonly include?: readonly string[] | undefined;
  /** Files that match one of these are left out; folders too, with all that is in them. */
  readonly exclude?: readonly string[] | undefined;
  /** Put before every name. */
  readonly prefix?: string | undefined;
};

/**
 * Which files are taken, by globs on their names relative to the path that was given. `*` and `?` stop at a slash, `**`
 * does not; a glob without a slash is about the last step of a name; one that ends with a slash is about folders.
 * `--exclude '*' --include '*.log'` means the same as `--include '*.log'`.
 */
export class Selection {
  readonly prefix: string;
  readonly #include: readonly Glob[];
  readonly #exclude: readonly Glob[];

  constructor({ include = [], exclude = [], prefix = '' }: SelectionOptions) {
    this.prefix = prefix;
    this.#include = include.map(globOf);
    const others = include.length > 0 ? exclude.filter((glob) => glob !== '*' && glob !== '**') : exclude;
    this.#exclude = others.map(globOf);
  }

  takes(relative: RawPath): boolean {
    if (this.#include.length > 0 && !this.#include.some((glob) => !glob.isFolder && matches(glob, relative)))
      return false;
    return !this.#exclude.some((glob) => !glob.isFolder && matches(glob, relative));
  }

  enters(relative: RawPath): boolean {
    return !this.#exclude.some((glob) => matches(glob, relative));
  }

  /** A compressed file that was asked for by its own kind of name is taken as it is. */
  asksFor(relative: RawPath): boolean {
    const ending = endingOf(relative);
    return (
      ending !== '' && this.#include.some((glob) => glob.text.endsWith(ending) && matches(glob, relative))
    );
  }

  nameOf(relative: RawPath): Named {
    const name = this.prefix + printable(bytesOf(relative));
    const rawName = Buffer.concat([Buffer.from(this.prefix), bytesOf(relative)]);
    return rawName.equals(Buffer.from(name)) ? { name } : { name, rawName };
  }
}

type Glob = {
  readonly text: string;
  readonly pattern: RegExp;
  readonly isFolder: boolean;
  readonly isLastStep: boolean;
};

function matches({ pattern, isLastStep }: Glob, relative: RawPath): boolean {
  return pattern.test(isLastStep ? relative.slice(relative.lastIndexOf('/') + 1) : relative);
}

function globOf(text: string): Glob {
  const isFolder = text.endsWith('/');
  const bare = text.replace(/^\/+|\/+$/g, '');
  return { text, pattern: patternOf(bare), isFolder, isLastStep: !bare.includes('/') };
}

/** On names with one character for each byte. */
function patternOf(glob: string): RegExp {
  const raw = rawOf(glob);
  let source = '';
  let depth = 0;
  for (let at = 0; at < raw.length; at += 1) {
    const rest = raw.slice(at);
    const group = /^\[[!^]?\]?[^\]]*\]/.exec(rest)?.[0];
    if (rest.startsWith('**/')) {
      source += '(?:.*/)?';
      at += 2;
    } else if (rest.startsWith('**')) {
      source += '.*';
      at += 1;
    } else if (raw[at] === '*') source += '[^/]*';
    else if (raw[at] === '?') source += '[^/]';
    else if (group !== undefined) {
      source += `[${group.slice(1, -1).replace(/^[!^]/, '^').replaceAll('\\', '\\\\').replaceAll(']', '\\]').replaceAll('[', '\\[')}]`;
      at += group.length - 1;
    } else if (raw[at] === '{' && rest.includes('}')) {
      source += '(?:';
      depth += 1;
    } else if (raw[at] === '}' && depth > 0) {
      source += ')';
      depth -= 1;
    } else if (raw[at] === ',' && depth > 0) source += '|';
    else source += (raw[at] ?? '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return new RegExp(`^${source}$`, 's');
}

/**
 * Text that is UTF-8 whatever the bytes are: other bytes are written `%XX`, and so is a `%` that could be taken for the
 * beginning of one.
 */
export function printable(name: Buffer): string {
  if (isUtf8(name)) return escaped(name.toString());
  let text = '';
  for (let start = 0; start < name.length; ) {
    let end = Math.min(start + 4, name.length);
    while (end > start && !isUtf8(name.subarray(start, end))) end -= 1;
    if (end === start) {
      text += `%${(name[start] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
      start += 1;
    } else {
      // Up to the next byte that is none of UTF-8, so that what follows a % is seen.
      while (end < name.length && (name[end] ?? 0) < 0x80) end += 1;
      text += escaped(name.subarray(start, end).toString());
      start = end;
    }
  }
  return text;
}

function escaped(text: string): string {
  return text.replace(/%(?=[0-9A-Fa-f]{2})/g, '%25');
}
