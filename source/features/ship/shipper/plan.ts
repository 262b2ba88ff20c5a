import { type allotment, contentBytes, type Terms } from '../channel/cost.ts';
import type { Entry, FileRecord } from '../channel/ledger.ts';
import type { Shipment } from '../files/open-file.ts';
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
  { source, read, record }: Shipment,
  { partBytes, wholeBytes }: PlanOptions,
): AsyncGenerator<Part, void, undefined> {
  const end = record.position + record.bytes - record.shipped;
  const options = { end, maxBytes: contentBytes(partBytes), wholeBytes };
  const isGzip = await isGzipFile(read, source.name);
  const cutGzip = isGzip && gzipCutter(read, { ...options, isInPieces: record.piecesFrom !== undefined });
  let planned = record;
  do {
    const cut = cutGzip ? await cutGzip(planned.position) : await cutLines(read, planned.position, options);
    const part = makePart(source, planned, cut ?? nothing, planned.position + (cut?.bytes ?? 0) >= end);
    yield part;
    planned = part.after;
  } while (planned.state === 'open');
}

/** The parts of a growing file that can be shipped by now: whole lines only, unless `isEnding`. */
export async function* planGrowth(
  { source, read, record }: Shipment,
  end: number,
  { partBytes, isEnding }: { partBytes: number; isEnding: boolean },
): AsyncGenerator<Part, void, undefined> {
  let planned = record;
  while (planned.position < end) {
    const options = { end, maxBytes: contentBytes(partBytes), wholeBytes: 0, isGrowing: !isEnding };
    const cut = await cutLines(read, planned.position, options);
    if (!cut || cut.bytes === 0) return;
    const part = makePart(
      source,
      { ...planned, bytes: planned.shipped + end - planned.position },
      cut,
      false,
      { isGrowing: true },
    );
    yield part;
    planned = part.after;
  }
}

const nothing: Cut = { bytes: 0, kind: 'lines' };

/** The next `cut` of a file, and how far it is after that. */
export function makePart(
  source: { readonly name: string; readonly rawName?: Buffer },
  record: FileRecord,
  { bytes, kind }: Cut,
  last: boolean,
  { isGrowing = false }: { readonly isGrowing?: boolean } = {},
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
  source: { readonly name: string; readonly rawName?: Buffer },
  record: FileRecord,
): Part {
  return makePart(source, { ...record, bytes: record.shipped }, nothing, true);
}
