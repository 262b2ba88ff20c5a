import type { Client } from '../../../redis/client.ts';
import { unbatched } from '../../../redis/unbatched.ts';
import type { Ride } from '../channel/ride.ts';

/** A string that is going to be read, in blocks. */
export type Reading = {
  readonly key: string;
  readonly bytes: number;
  /** Asked for so far. */
  asked: number;
  readonly blocks: Promise<Buffer>[];
};

/** Just under a size Redis allocates for the reply. */
const largestBlockBytes = 256 * 1024 - 64;

/**
 * Reads strings one after the other, several blocks in flight: the next string's first blocks travel while the last
 * ones of this string are worked on. Never more than `windowBytes` are asked for and not taken, because that is what
 * Redis may have to hold for a reader that stops reading.
 */
export class ReadAhead {
  readonly #redis: Client;
  readonly #ride: Ride;
  readonly #windowBytes: number;
  readonly #blockBytes: number;
  readonly #queue: Reading[] = [];
  #inFlightBytes = 0;

  constructor(redis: Client, windowBytes: number, ride: Ride) {
    this.#redis = redis;
    this.#ride = ride;
    this.#windowBytes = windowBytes;
    this.#blockBytes = Math.min(largestBlockBytes, Math.max(4096, Math.floor(windowBytes / 4)));
  }

  /** Puts a string behind those that are there. */
  add(key: string, bytes: number): Reading {
    const reading: Reading = { key, bytes, asked: 0, blocks: [] };
    this.#queue.push(reading);
    this.#fill();
    return reading;
  }

  /** The blocks of a string, in order; shorter than promised when it is gone from Redis. Take the strings in order. */
  async *take(reading: Reading): AsyncGenerator<Buffer, void, undefined> {
    for (let taken = 0; taken < reading.bytes; ) {
      const expected = Math.min(this.#blockBytes, reading.bytes - taken);
      const block = await reading.blocks.shift();
      taken += expected;
      this.#inFlightBytes -= expected;
      this.#fill();
      if (block && block.length > 0) yield block;
    }
  }

  #fill(): void {
    for (;;) {
      const [first] = this.#queue;
      if (!first || (this.#inFlightBytes > 0 && this.#inFlightBytes + this.#blockBytes > this.#windowBytes))
        return;
      if (first.asked >= first.bytes) {
        this.#queue.shift();
        continue;
      }
      const bytes = Math.min(this.#blockBytes, first.bytes - first.asked);
      const block = this.#read(first.key, first.asked, bytes);
      block.catch(() => {});
      first.blocks.push(block);
      first.asked += bytes;
      this.#inFlightBytes += bytes;
    }
  }

  /** Past autopipelining, which would hold a block back until the blocks before it have arrived. */
  async #read(key: string, offset: number, bytes: number): Promise<Buffer> {
    const reply = await this.#ride(() =>
      unbatched(this.#redis, 'getrange', true)(key, offset, offset + bytes - 1),
    );
    if (!Buffer.isBuffer(reply)) throw new Error('Expected bytes from Redis');
    return reply;
  }
}
