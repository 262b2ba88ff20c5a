import { baseOf, folderOf, joinRaw, type RawPath } from './raw-path.ts';

/**
 * Names under which rotation leaves the earlier generations of a log: `app.log.1`, `app.log-20261128`,
 * `app.log.2026-11-28`, `app.1.log`, `app-20261128.log`, each also compressed.
 */
export type Rotated = {
  /** Where the log itself would be, in the same folder. */
  readonly live: RawPath;
  /** `.gz` and the like, or empty. */
  readonly ending: string;
  /** Its place among the generations: higher is older. */
  readonly number: number | undefined;
  /** Later is younger. */
  readonly date: string | undefined;
};

export const endings = ['.gz', '.zst', '.xz', '.bz2'] as const;
const compressed = new RegExp(`\\.(?:${endings.map((ending) => ending.slice(1)).join('|')})$`);
const date = String.raw`(?:\d{4}-\d{2}-\d{2}|\d{8,10})(?:[-_.T]?\d{1,6})*`;
const forms: readonly RegExp[] = [
  /^(?<stem>.+)\.(?<number>\d{1,7})$/,
  new RegExp(`^(?<stem>.+?)[-.](?<date>${date})$`),
  /^(?<stem>.+)\.(?<number>\d{1,7})(?<extension>\.[A-Za-z][^.]*)$/,
  new RegExp(`^(?<stem>.+?)[-.](?<date>${date})(?<extension>\\.[A-Za-z][^.]*)$`),
];

export function endingOf(path: RawPath): string {
  return compressed.exec(path)?.[0] ?? '';
}

/** What a file may be an earlier generation of, by its name; the likeliest first. */
export function rotatedNames(path: RawPath): readonly Rotated[] {
  const folder = folderOf(path);
  const ending = endingOf(path);
  const name = baseOf(path).slice(0, baseOf(path).length - ending.length);
  const found: Rotated[] = [];
  const add = (live: string, number?: string, day?: string): void => {
    found.push({
      live: joinRaw(folder, live as RawPath),
      ending,
      number: number === undefined ? undefined : Number(number),
      date: day,
    });
  };
  if (ending !== '') add(name);
  for (const form of forms) {
    const { stem = '', number, date: day, extension = '' } = form.exec(name)?.groups ?? {};
    if (stem !== '') add(stem + extension, number, day);
  }
  return found;
}

type Aged = { readonly rotated: Rotated; readonly mtimeMs: number };

/** Older generations before younger ones. */
export function byAge(a: Aged, b: Aged): number {
  const [x, y] = [a.rotated, b.rotated];
  if (x.number !== undefined && y.number !== undefined && x.number !== y.number) return y.number - x.number;
  if (x.date !== undefined && y.date !== undefined && x.date !== y.date) return x.date < y.date ? -1 : 1;
  return a.mtimeMs - b.mtimeMs;
}

/**
 * The generations of one log in the order in which they were written. By their names; unless these say the very
 * opposite of when each was written last, as where somebody counts upwards.
 */
export function inOrder<One extends Aged>(generations: readonly One[]): readonly One[] {
  const sorted = generations.toSorted(byAge);
  const isReversed =
    sorted.length > 1 &&
    sorted.every(({ mtimeMs }, index) => index === 0 || mtimeMs < (sorted[index - 1]?.mtimeMs ?? 0));
  return isReversed ? sorted.reverse() : sorted;
}
