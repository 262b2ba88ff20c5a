import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileRecord } from '../channel/ledger.ts';
import { beginsAs, headOf, type ReadAt } from './identity.ts';
import type { Source } from './sources.ts';

/** A file being shipped: recognised, and how far it is. */
export type OpenFile = {
  readonly source: Pick<Source, 'name' | 'rawName' | 'ctimeMs'>;
  close(): Promise<void>;
  /** What has been announced; moves on with every part. */
  record: FileRecord;
  /** Nothing more is planned from it: it failed, or is not what it was when that was planned. */
  stopped: 'failed' | 'changed' | undefined;
  /**
   * Once a part was read and before it is announced: how far the file is after it. Undefined when the bytes may not be
   * the file's: it was truncated or overwritten meanwhile.
   */
  confirm(part: ReadPart): Promise<FileRecord | undefined>;
};

/** A part as far as an open file has to know it. */
export type ReadPart = {
  readonly position: number;
  readonly entry: { readonly at: number; readonly bytes: number };
  readonly after: FileRecord;
};

/** A whole file, which stays open. */
export type ReadableFile = OpenFile & {
  readonly source: Source;
  readonly read: ReadAt;
  /** How many bytes there are now. */
  size(): Promise<number>;
};

type OpenHandle = Pick<ReadableFile, 'read' | 'size' | 'close'> & { readonly inode: string };

async function openHandle(path: Buffer): Promise<OpenHandle> {
  // A pipe of that name must not hold us up.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { dev, ino } = await handle.stat({ bigint: true });
  return {
    inode: `${dev}:${ino}`,
    read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

/**
 * Opens a file and finds out whether it is the one of which `known` was shipped; if not it begins from nothing, as
 * `generation`.
 */
export async function openSource(
  source: Source,
  known: FileRecord | undefined,
  generation: string,
): Promise<ReadableFile> {
  const file = await openHandle(source.path);
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
    return {
      source,
      ...file,
      record,
      stopped: undefined,
      async confirm({ position, entry, after }) {
        if (entry.bytes === 0) return after;
        const isSame =
          (await file.size()) >= position + entry.bytes && (await beginsAs(file.read, after.head));
        return isSame ? after : undefined;
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file of which there is a record and nothing else any more. */
export function goneFile(record: FileRecord): ReadableFile {
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
    confirm: async ({ after }) => after,
  };
}

/** Whether a file is the very one that a record tells of: the same inode, the same beginning, not shorter. */
async function isKnownAs(
  file: OpenHandle,
  { inode, position, head }: Pick<FileRecord, 'inode' | 'position' | 'head'>,
): Promise<boolean> {
  const isSameInode = inode === file.inode || inode.startsWith(`${file.inode}:`);
  return isSameInode && (await file.size()) >= position && (await beginsAs(file.read, head));
}
