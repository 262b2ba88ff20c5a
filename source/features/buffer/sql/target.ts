import { BadTargetError } from '../errors.ts';

/**
 * Where a flush writes: a row for each id, `column` grown by what was pending.
 *
 * Every target keeps a small table `quarterdeck_batches` beside the rows. Recording the batch id and changing the
 * rows is one transaction, and a batch whose id is recorded is not applied again: that makes the flush exactly
 * once in effect, whoever dies when. One row of that table names the database itself, so that a batch half-way
 * into one database never goes to another.
 *
 * What the database refuses of a batch is recorded in the same transaction, in `quarterdeck_aside`: whoever settles
 * the batch afterwards, after a crash or beside us, learns from there what is not in the table.
 */
export type Target = {
  /** What to call it in messages: no password. */
  readonly label: string;
  /** How `to` may be kept and shown: no password. */
  readonly to: string;
  /** Names the database for good, also after it moved to another host. */
  readonly identity: string;
  /** Changes with the definition of the table: what it refused may then be tried again. */
  readonly definition?: string;
  /** What an operator should know of the table once, such as that several ids are one row there. */
  readonly notes?: readonly string[];
  /**
   * Applies the whole batch but for single rows that it refuses, or nothing if its id is recorded already.
   * A target of your own that takes all or nothing may answer `applied` or `already`.
   * @throws {SqlFailedError} when lost or refused as a whole; a commit that was lost on the way may yet have happened
   */
  apply(batch: Batch, onStep?: OnStep): Promise<Applied | 'applied' | 'already'>;
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
  /** When more rows than these are refused, it is not the rows' fault: the batch then fails as a whole. */
  readonly mostRefused?: number;
};

export type Row = { readonly id: string; readonly count: number };

export type Applied = {
  /** False: its id was recorded already, by an earlier attempt. */
  readonly isNew: boolean;
  /** Rows that are not in the table, as they were recorded with the batch, by id. */
  readonly refused: readonly Refusal[];
};

/** A row that the table does not take: its type, a constraint, a trigger, a row that is missing. */
export type Refusal = Row & {
  /** SQLSTATE, `SQLITE_CONSTRAINT`, or one of ours: `ID_TYPE`, `COUNT_TYPE`, `NO_ROW`. */
  readonly code: string;
  readonly reason: string;
};

/** The moments of a flush, reported for progress, and for tests that die in each of them. */
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
export const asideTable = 'quarterdeck_aside';
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
  if (plain === batchesTable || plain === asideTable)
    throw new BadTargetError(`Table \`${plain}\` is where flushes keep their own records`);
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

export function* pagesOf<Item>(rows: readonly Item[], length = pageRows): Generator<readonly Item[]> {
  for (let start = 0; start < rows.length; start += length) yield rows.slice(start, start + length);
}

/** What a key column takes so that an id read back is the id that was counted. */
export type KeyKind =
  /** Any text, as it is. */
  | 'text'
  /** Whole numbers of 64 bits; `007` and `7` are one id. */
  | 'integer'
  /** Whole numbers of any length. */
  | 'whole'
  | 'uuid';

const lowest = -(2n ** 63n);
const highest = 2n ** 63n - 1n;

/** Why a key column cannot take this id as it is; undefined where it can. */
export function idRefusal(kind: KeyKind, id: string): string | undefined {
  if (kind === 'text') return;
  if (kind === 'uuid')
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id) ? undefined : 'the id is no UUID';
  if (!/^-?\d+$/.test(id)) return 'the id is no whole number, and the key column holds only those';
  if (kind === 'whole' || id.length < 18) return;
  const value = BigInt(id);
  return value < lowest || value > highest ? 'the id does not fit a number of 64 bits' : undefined;
}

/** Those of the rows that a key column takes, and the others as refused. */
export function sorted(
  rows: readonly Row[],
  kind: KeyKind,
): { readonly taken: readonly Row[]; readonly refused: readonly Refusal[] } {
  const refused: Refusal[] = [];
  const taken = rows.filter((row) => {
    const reason = idRefusal(kind, row.id);
    if (reason !== undefined) refused.push({ ...row, code: 'ID_TYPE', reason });
    return reason === undefined;
  });
  return { taken, refused };
}

/** In one order wherever they come from, so that they are moved in the same parts. */
export function byId(one: Row, other: Row): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
