import { BadTargetError } from './errors.ts';

/**
 * Where a flush writes: a row for each id, `column` grown by what was pending.
 *
 * Every target keeps a small table `quarterdeck_batches` beside the rows. Recording the batch id and changing the
 * rows is one transaction, and a batch whose id is recorded is not applied again: that makes the flush exactly
 * once in effect, whoever dies when. One row of that table names the database itself, so that a batch half-way
 * into one database never goes to another.
 */
export type Target = {
  /** What to call it in messages: no password. */
  readonly label: string;
  /** How `to` may be kept and shown: no password. */
  readonly to: string;
  /** Names the database for good, also after it moved to another host. */
  readonly identity: string;
  /**
   * Applies the whole batch, or nothing if its id is recorded already. True if it was applied now.
   * @throws {SqlFailedError} when refused or lost; a commit that was lost on the way may yet have happened
   */
  apply(batch: Batch, onStep?: OnStep): Promise<boolean>;
  close(): Promise<void>;
};

export type Batch = {
  readonly id: string;
  /** For people who look into the table of batches. */
  readonly note: string;
  /** By id, in one order everywhere, so that two flushes that meet cannot deadlock. */
  readonly rows: readonly Row[];
  /** Ids of earlier batches that can never be offered again. */
  readonly forget: readonly string[];
};

export type Row = { readonly id: string; readonly count: number };

/** The moments of a flush, told for progress, and for tests that die in each of them. */
export type FlushStep =
  | 'claiming'
  | 'claimed'
  | 'page-read'
  | 'begun'
  | 'recorded'
  | 'page-written'
  | 'written'
  | 'sql-committed'
  | 'put-back'
  | 'committed';
export type OnStep = (step: FlushStep) => void;

export type TargetOptions = {
  /** `sqlite:FILE` or a `postgres://` URL. */
  readonly to: string;
  /** `table` or `schema.table`. */
  readonly table: string;
  /** The column with the ids; it carries a unique index or is the primary key. */
  readonly key?: string;
  /** The column with the counts. */
  readonly column?: string;
};

/** Names that were checked and are safe to be put into SQL, quoted. */
export type Names = {
  readonly schema: string | undefined;
  readonly table: string;
  readonly key: string;
  readonly column: string;
  /** The quoted `schema.table`. */
  readonly quotedTable: string;
  readonly quotedKey: string;
  readonly quotedColumn: string;
};

export const batchesTable = 'quarterdeck_batches';
/** Of one statement: bounds what a driver holds at once, and how long SQLite keeps the event loop. */
const pageRows = 1000;

/** @throws {BadTargetError} */
export function kindOf(to: string): 'sqlite' | 'postgres' {
  if (/^postgres(?:ql)?:\/\//.test(to)) return 'postgres';
  if (/^sqlite:./.test(to)) return 'sqlite';
  const scheme = /^[a-z]+:/i.exec(to)?.[0];
  throw new BadTargetError(
    `Expected \`to\` to be sqlite:FILE or postgres://HOST/DATABASE, got ${scheme ? `\`${scheme}…\`` : 'no scheme'}`,
  );
}

/** @throws {BadTargetError} for names that are not plain identifiers */
export function checkedNames({ table, key = 'id', column = 'count' }: Omit<TargetOptions, 'to'>): Names {
  const words = table.split('.');
  const [schema, plain] = words.length === 2 ? words : [undefined, table];
  for (const [what, word] of [
    ['table', schema ?? 'schema'],
    ['table', plain],
    ['key', key],
    ['column', column],
  ] as const) {
    if (word !== undefined && /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/.test(word)) continue;
    const got = what === 'table' ? table : word;
    throw new BadTargetError(
      `Expected \`${what}\` to be a plain SQL name of letters, digits and _, got \`${got}\``,
      what === 'table' ? 'The table is called like the type unless --table says otherwise' : undefined,
    );
  }
  if (key === column)
    throw new BadTargetError(`Expected \`key\` and \`column\` to differ, got \`${key}\` for both`);
  if (plain === batchesTable)
    throw new BadTargetError(`Table \`${batchesTable}\` is where batches are recorded`);
  return {
    schema,
    table: plain ?? '',
    key,
    column,
    quotedTable: words.map(quoted).join('.'),
    quotedKey: quoted(key),
    quotedColumn: quoted(column),
  };
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function* pagesOf(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += pageRows) yield rows.slice(start, start + pageRows);
}
