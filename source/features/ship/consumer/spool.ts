import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { notOurs } from '../../../private-files.ts';
import { OutputError } from '../channel/errors.ts';

/** A file that collects pieces. Putting a piece at its place may be repeated. */
export type Spool = {
  readonly file: string;
  /** How much is collected. */
  readonly bytes: number;
  put(blocks: AsyncIterable<Buffer>, at: number): Promise<void>;
  read(): AsyncGenerator<Buffer, void, undefined>;
  close(): Promise<void>;
  remove(): Promise<void>;
};

const blockBytes = 256 * 1024;

/**
 * Opens the file, or makes it. Its folder may be shared with others, so what stands there is used only when it is a
 * regular file of this user that no other name leads to.
 * @throws {OutputError} naming the file
 */
export async function openSpool(file: string): Promise<Spool> {
  const handle = await openOwn(file);
  const { size } = await handle.stat();
  return {
    file,
    bytes: size,
    async put(blocks, at) {
      await putBlocks(handle, blocks, at);
    },
    async *read() {
      for (let at = 0; ; ) {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(blockBytes), 0, blockBytes, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    close: () => handle.close(),
    remove: () => rm(file, { force: true }),
  };
}

const openFlags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function openOwn(file: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    handle = await open(file, openFlags, 0o600);
  } catch (error) {
    const isLink = error instanceof Error && 'code' in error && error.code === 'ELOOP';
    throw new OutputError(file, isLink ? 'it is a link' : messageOf(error), error);
  }
  const reason = notOurs(await handle.stat());
  if (reason === undefined) return handle;
  await handle.close();
  throw new OutputError(file, reason);
}

/**
 * Writes blocks at their place and ends the file there: repeated after a crash it leads to the same bytes. The file has
 * `size` bytes now, if that is known. Resolves to how many it has then.
 */
export async function putBlocks(
  handle: FileHandle,
  blocks: AsyncIterable<Buffer>,
  at: number,
  size?: number,
): Promise<number> {
  let to = at;
  for await (const block of blocks) {
    for (let written = 0; written < block.length; ) {
      written += (await handle.write(block, written, block.length - written, to + written)).bytesWritten;
    }
    to += block.length;
  }
  if (size === undefined || size > to || (size < at && to === at)) await handle.truncate(to);
  return to;
}
