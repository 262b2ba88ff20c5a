import { type allotment, contentBytes, type Terms } from '../channel/cost.ts';
import type { Entry, FileRecord } from '../channel/ledger.ts';
import type { ReadAt } from '../files/identity.ts';
import type { ReadableFile } from '../files/open-file.ts';
import { partName } from '../files/part-name.ts';
import { type Cut, cutLines, gzipCutter, isGzipFile } from '../files/split.ts';
import type { Part } from './pipeline.ts';

export type PlanOptions = {
  readonly partBytes: number;
  /** Gzip members up to here are shipped as one. */
  readonly wholeBytes: number;
};

/** Gzip members larger than this are shipped in pieces: one string of that size stalls the server for about 40 ms. */
const largestWholeBytes = 64 * 1024 * 1024;

/** The parts of a file from where it stands to its end, as its end was when it was opened; at least one. */
export async function* planFile(
  { source, read, record }: ReadableFile,
  { partBytes, wholeBytes }: PlanOptions,
): AsyncGenerator<Part, void, undefined> {
  const end = record.position + record.bytes - record.shipped;
  const options = { end, maxBytes: contentBytes(partBytes), wholeBytes };
  const isGzip = await isGzipFile(read, source.name);
  const cutGzip = isGzip && gzipCutter(read, { ...options, isInPieces: record.piecesFrom !== undefined });
  let planned = record;
  do {
    const cut = cutGzip ? await cutGzip(planned.position) : await cutLines(read, planned.position, options);
    const part = makePart(source, read, planned, cut ?? nothing, {
      last: planned.position + (cut?.bytes ?? 0) >= end,
    });
    yield part;
    planned = part.after;
  } while (planned.state === 'open');
}

/** What a followed file is read from: one of its generations, from `position` to `end`. */
export type Growth = {
  readonly read: ReadAt;
  readonly position: number;
  readonly end: number;
  /** Nothing more is written to it: the unfinished line at its end is taken, and ends there. */
  readonly isEnding: boolean;
  /** It does not go on with the unfinished line that was planned last. */
  readonly begins?: boolean;
};

/** The parts of a growing file that can be shipped by now: whole lines only, unless it is ending. */
export async function* planGrowth(
  source: { readonly name: string; readonly rawName?: Buffer | undefined },
  record: FileRecord,
  { read, position, end, isEnding, begins = false }: Growth,
  { partBytes }: { readonly partBytes: number },
): AsyncGenerator<Part, void, undefined> {
  let planned = { ...record, position };
  while (planned.position < end) {
    const options = { end, maxBytes: contentBytes(partBytes), wholeBytes: 0, isGrowing: !isEnding };
    const cut = await cutLines(read, planned.position, options);
    if (!cut || cut.bytes === 0) return;
    const ends = isEnding && planned.position + cut.bytes >= end;
    const isFirst = planned.position === position;
    const part = makePart(source, read, planned, cut, {
      last: false,
      isGrowing: true,
      ends,
      begins: begins && isFirst,
    });
    yield { ...part, isOpen: cut.isOpen === true && !ends };
    planned = part.after;
  }
}

const nothing: Cut = { bytes: 0, kind: 'lines' };

/** The next `cut` of a file, and how far it is after that. */
export function makePart(
  source: { readonly name: string; readonly rawName?: Buffer | undefined },
  read: ReadAt,
  record: FileRecord,
  { bytes, kind }: Cut,
  {
    last,
    isGrowing = false,
    ends = false,
    begins = false,
  }: {
    readonly last: boolean;
    readonly isGrowing?: boolean;
    readonly ends?: boolean;
    readonly begins?: boolean;
  },
): Part {
  const number = record.number + 1;
  const piecesFrom = kind === 'piece' ? { piecesFrom: record.piecesFrom ?? record.shipped } : {};
  const entry: Entry = {
    file: record.name,
    generation: record.generation,
    at: record.shipped,
    bytes,
    kind,
    last,
    ...(isGrowing ? {} : { of: record.bytes }),
    ...(ends && { ends }),
    ...(begins && { begins }),
    ...piecesFrom,
    ...(source.rawName && { rawName: source.rawName.toString('hex') }),
    token: '',
    cost: 0,
    want: ' ',
    finished: ' ',
  };
  const isWhole = last && record.shipped === 0;
  return {
    name: partName(record.name, { number, isWhole, isGzip: kind === 'gzip' }),
    entry,
    position: record.position,
    read,
    after: {
      ...record,
      ...piecesFrom,
      number,
      position: record.position + bytes,
      shipped: record.shipped + bytes,
      state: last ? 'shipped' : 'open',
    },
  };
}

/** How files are cut within a budget. */
export function planOptions(
  { budgetBytes, partBytes }: Terms,
  { base, each }: ReturnType<typeof allotment>,
): PlanOptions {
  const wholeBytes = Math.min(largestWholeBytes, Math.floor((budgetBytes - base - 4 * each) * 0.75));
  return { partBytes, wholeBytes: Math.max(contentBytes(partBytes), wholeBytes) };
}

/** An empty part that ends a file which will not come to its end. */
export function closingPart(
  source: { readonly name: string; readonly rawName?: Buffer | undefined },
  record: FileRecord,
): Part {
  const read: ReadAt = async () => 0;
  return makePart(source, read, { ...record, bytes: record.shipped }, nothing, { last: true });
}
