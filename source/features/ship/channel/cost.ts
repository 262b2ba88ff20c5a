/**
 * What things cost in Redis, known before they are there. Data is charged by MEMORY USAGE once it is allocated; these
 * are upper bounds for deciding whether it may be allocated, and for the small things around it.
 */

const KiB = 1024;

export const smallestPartBytes = KiB;
/** A part is read and written whole. */
export const largestPartBytes = 256 * 1024 * KiB;
/** Each is a key and a word of a command, and is named with every part. */
export const mostConsumers = 1000;

/** Room in the string's allocation that is not ours: the header Redis puts before long strings, and a closing zero. */
const stringOverheadBytes = 16;
/** The value, its entry in the key space, and what Cluster adds to that. */
const keyOverheadBytes = 128;

/** The longest content whose string does not need the next larger allocation. */
export function contentBytes(partBytes: number): number {
  return Math.max(1, partBytes - stringOverheadBytes);
}

/** What jemalloc takes for a request: four sizes to each doubling. */
export function allocated(bytes: number): number {
  if (bytes <= 128) return Math.ceil(bytes / 16) * 16;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** A string of so many bytes under a key of so many. */
export function stringCost(bytes: number, keyBytes: number): number {
  return (
    allocated(bytes + stringOverheadBytes) + allocated(keyBytes + stringOverheadBytes) + keyOverheadBytes
  );
}

/** A field in one of our hashes or a member of the room's zset: allocations, links, and its share of the tables. */
function fieldCost(...textBytes: readonly number[]): number {
  return textBytes.reduce((sum, bytes) => sum + allocated(bytes + stringOverheadBytes), 128);
}

/** What a part costs besides its data: its ledger entry, its message, its counter, what it adds to its file's record. */
export function aroundCost(
  partBytes: number,
  entryBytes: number,
  keyBytes: number,
  consumers: number,
): number {
  const grownEntryBytes = entryBytes + 120 + consumers * 12;
  return fieldCost(partBytes, grownEntryBytes) + fieldCost(2 * partBytes + 100) + stringCost(8, keyBytes + 8);
}

/** What is remembered of a file, which grows a little with every part. */
export function recordCost(nameBytes: number, jsonBytes: number): number {
  return fieldCost(nameBytes, jsonBytes + 60);
}

export type Terms = {
  readonly budgetBytes: number;
  readonly partBytes: number;
  readonly consumers: number;
};

const largestDefaultPartBytes = 4 * 1024 * KiB;

/** How large parts are unless stated: several of them fit into the budget at a time. */
export function defaultPartBytes({ budgetBytes, consumers }: Omit<Terms, 'partBytes'>): number {
  const { base, each } = allotment({ budgetBytes, partBytes: largestDefaultPartBytes, consumers });
  const free = Math.max(budgetBytes - base - each, budgetBytes / 8);
  return clamp(powerOfTwo(free / 4), KiB, largestDefaultPartBytes);
}

/** So many file records are within what is kept free. */
export const unchargedRecords = 256;

/**
 * How the budget is used. Redis spends it on parts, but also on what passes through it: blocks on their way in,
 * replies on their way out, connections, bookkeeping. That is kept free: `base`, and `each` for every shipper. Under a
 * small budget it gives way until one part fits (`least`): then the parts alone stay within the budget.
 */
export function allotment({ budgetBytes, partBytes, consumers }: Terms) {
  const blockBytes = clamp(powerOfTwo(budgetBytes / 64), 16 * KiB, 256 * KiB) - 64;
  const windowBytes = clamp(Math.floor(budgetBytes / (16 * consumers)), 32 * KiB, 1024 * KiB);
  return {
    blockBytes,
    windowBytes,
    base: 256 * KiB + consumers * (windowBytes + 96 * KiB),
    each: 2 * blockBytes + 256 * KiB,
    least: stringCost(contentBytes(partBytes), 4 * KiB) + 8 * KiB,
  };
}

function powerOfTwo(bytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, bytes)));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
