import type { Client } from '../../../redis/client.ts';
import { unsent } from '../../../redis/unbatched.ts';
import type { Ride } from '../channel/ride.ts';
import { fill, type ReadAt } from '../files/identity.ts';

/**
 * Bulk bytes from a file into a string that was allocated beforehand, several blocks in flight.
 *
 * Each block is read from the file into the very buffer that goes to the socket, between a header and a line end that
 * are written around it: the bytes are copied by nobody on this side. A SETRANGE at a fixed offset may be sent twice;
 * a buffer is used again only after its reply, when nothing can resend it any more.
 */

const headroom = 4 * 1024;

/** Buffers for blocks of one size, at most `count` in use; the next taker waits. */
export class BlockPool {
  readonly blockBytes: number;
  #free: Buffer[] = [];
  #left: number;
  #waiting: ((buffer: Buffer) => void)[] = [];

  constructor(blockBytes: number, count: number) {
    this.blockBytes = blockBytes;
    this.#left = count;
  }

  take(): Buffer | Promise<Buffer> {
    const buffer = this.#free.pop();
    if (buffer) return buffer;
    if (this.#left > 0) {
      this.#left -= 1;
      return Buffer.allocUnsafeSlow(headroom + this.blockBytes + 2);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next) next(buffer);
    else this.#free.push(buffer);
  }
}

/** The file was shorter than it had been when the part was planned, or is another one by now. */
export class ShrankError extends Error {
  readonly endsAt: number;

  constructor(endsAt: number) {
    super(`The file ends at ${endsAt} now`);
    this.name = 'ShrankError';
    this.endsAt = endsAt;
  }
}

export type WriteOptions = {
  readonly position: number;
  readonly bytes: number;
  readonly pool: BlockPool;
  readonly depth: number;
  /** Does it again when the server refuses it for a while. */
  readonly ride: Ride;
};

/**
 * Writes `bytes` of a file from `position` on into the string at `key`, which has that length.
 * @throws {ShrankError} when the file has fewer; what was written then is worth nothing
 */
export async function writeBlocks(
  redis: Client,
  key: string,
  read: ReadAt,
  { position, bytes, pool, depth, ride }: WriteOptions,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < bytes) {
      const offset = next;
      const length = Math.min(pool.blockBytes, bytes - offset);
      next += length;
      const buffer = await pool.take();
      try {
        const block = buffer.subarray(headroom, headroom + length);
        const got = await fill(read, block, position + offset);
        if (got < length) {
          next = bytes;
          throw new ShrankError(position + offset + got);
        }
        const frame = framed(buffer, key, offset, length);
        await ride(async () => {
          const command = unsent(redis, 'setrange', [key, offset, block]);
          command.toWritable = () => frame;
          return await redis.sendCommand(command);
        });
      } finally {
        pool.give(buffer);
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: depth }, lane));
  const failed = lanes
    .filter((result) => result.status === 'rejected')
    .map((result) => result.reason as unknown);
  const shrank = failed.filter((error) => error instanceof ShrankError);
  if (shrank.length > 0) throw new ShrankError(Math.min(...shrank.map(({ endsAt }) => endsAt)));
  if (failed.length > 0) throw failed[0];
}

/** The bytes of the whole command, around the block that is in the buffer already. */
function framed(buffer: Buffer, key: string, offset: number, length: number): Buffer {
  const at = String(offset);
  const header = `*4\r\n$8\r\nSETRANGE\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$${at.length}\r\n${at}\r\n$${length}\r\n`;
  const start = headroom - Buffer.byteLength(header);
  if (start < 0) throw new RangeError(`The key has more than ${headroom} bytes`);
  buffer.write(header, start);
  buffer.write('\r\n', headroom + length);
  return buffer.subarray(start, headroom + length + 2);
}
