import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';

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

export async function openSpool(file: string): Promise<Spool> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600).then(async (created) => {
    await created.close();
    return await open(file, 'r+');
  });
  const { size } = await handle.stat();
  return {
    file,
    bytes: size,
    put: (blocks, at) => putBlocks(handle, blocks, at),
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

/** Writes blocks at their place and ends the file there: repeated after a crash it leads to the same bytes. */
export async function putBlocks(
  handle: FileHandle,
  blocks: AsyncIterable<Buffer>,
  at: number,
): Promise<void> {
  let to = at;
  for await (const block of blocks) {
    for (let written = 0; written < block.length; ) {
      written += (await handle.write(block, written, block.length - written, to + written)).bytesWritten;
    }
    to += block.length;
  }
  await handle.truncate(to);
}
