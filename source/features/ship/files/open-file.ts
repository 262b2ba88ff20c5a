import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileRecord } from '../channel/ledger.ts';
import { fill } from '../shipper/write-blocks.ts';
import type { Source } from './sources.ts';
import type { ReadAt } from './split.ts';

const headBytes = 1024;

/** A file being shipped: open, recognised, and how far it is. */
export type Shipment = {
  readonly source: Source;
  readonly read: ReadAt;
  /** How many bytes there are now. */
  size(): Promise<number>;
  close(): Promise<void>;
  /** What has been announced; moves on with every part. */
  record: FileRecord;
  /** Nothing more is planned from it: it failed, or was found to be shorter than planned. */
  stopped: 'failed' | 'shrank' | undefined;
};

export type OpenFile = Pick<Shipment, 'read' | 'size' | 'close'> & { readonly inode: string };

export async function openFile(path: Buffer): Promise<OpenFile & AsyncDisposable> {
  const handle = await open(path, 'r');
  const { dev, ino } = await handle.stat({ bigint: true });
  return {
    inode: `${dev}:${ino}`,
    read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/**
 * Opens a file and finds out whether it is the one of which `known` was shipped; if not it begins from nothing, as
 * `generation`.
 */
export async function openShipment(
  source: Source,
  known: FileRecord | undefined,
  generation: string,
): Promise<Shipment> {
  const file = await openFile(source.path);
  try {
    const bytes = await file.size();
    const isSame = known !== undefined && (await isKnownAs(file, known));
    const record: FileRecord = isSame
      ? { ...known, bytes: known.state === 'shipped' ? known.bytes : known.shipped + bytes - known.position }
      : {
          name: source.name,
          generation,
          token: '',
          inode: file.inode,
          head: await headOf(file.read, bytes),
          position: 0,
          shipped: 0,
          // Parts of what was shipped under this name before may still be there.
          number: known?.number ?? 0,
          bytes,
          state: 'open',
        };
    return { source, ...file, record, stopped: undefined };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file of which there is a record and nothing else any more. */
export function goneShipment(record: FileRecord): Shipment {
  const { name } = record;
  return {
    source: {
      name,
      path: Buffer.alloc(0),
      bytes: 0,
      inode: '',
      mtimeMs: 0,
      ctimeMs: Number.POSITIVE_INFINITY,
    },
    read: async () => 0,
    size: async () => 0,
    close: async () => {},
    record,
    stopped: undefined,
  };
}

/** Whether a file is the very one that a record tells of: the same inode, the same beginning, not shorter. */
export async function isKnownAs(
  file: OpenFile,
  { inode, position, head }: Pick<FileRecord, 'inode' | 'position' | 'head'>,
): Promise<boolean> {
  return file.inode === inode && (await file.size()) >= position && (await beginsAs(file.read, head));
}

/** How a file begins, to know it again under another name or in another process. */
export async function headOf(read: ReadAt, bytes: number): Promise<FileRecord['head']> {
  const head = Buffer.alloc(Math.min(headBytes, bytes));
  const got = await fill(read, head, 0);
  return { bytes: got, digest: digestOf(head.subarray(0, got)) };
}

export async function beginsAs(read: ReadAt, { bytes, digest }: FileRecord['head']): Promise<boolean> {
  const head = Buffer.alloc(bytes);
  return (await fill(read, head, 0)) === bytes && digestOf(head) === digest;
}

function digestOf(head: Buffer): string {
  return createHash('sha1').update(head).digest('base64url').slice(0, 16);
}
