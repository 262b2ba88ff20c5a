import { QuarterdeckError } from '../errors.ts';

/**
 * How much one listing takes in of what anybody may have stored. Small things without number are as much as one large
 * one: beyond the allowance nothing more is asked for, and whoever lists says what is missing.
 */

/** Of one thing, such as the members of a room: some hundred thousand ordinary ones. */
export const mostOfOne = 8 * 1024 ** 2;
/** Of all things that one listing looks at. */
export const mostOfAll = 16 * 1024 ** 2;
/** Of rounds through everything, of which little is kept: 20,000 things take more than one listing does. */
export const mostOfRounds = 64 * 1024 ** 2;
/** Of the names of one kind of things. */
export const mostOfNames = 8 * 1024 ** 2;
/** Of a reading that is repeated every second. */
export const mostOfReading = 131_072;

export class Allowance {
  readonly bytes: number;
  readonly #within: Allowance | undefined;
  #left: number;

  /** @param within another one that is spent with it */
  constructor(bytes: number, within?: Allowance) {
    this.bytes = bytes;
    this.#left = bytes;
    this.#within = within;
  }

  get isSpent(): boolean {
    return this.#left <= 0 || this.#within?.isSpent === true;
  }

  /** Counts what a server sent. */
  take(reply: unknown): void {
    this.takeBytes(sizeOf(reply));
  }

  takeBytes(bytes: number): void {
    this.#left -= bytes;
    this.#within?.takeBytes(bytes);
  }
}

/** About as many bytes as a reply takes on the wire. */
export function sizeOf(reply: unknown): number {
  if (typeof reply === 'string' || Buffer.isBuffer(reply)) return reply.length;
  if (!Array.isArray(reply)) return 8;
  return reply.reduce((sum: number, each) => sum + sizeOf(each), 0);
}

/** A listing that is not whole, in a sentence that says what is missing. */
export class CutError extends QuarterdeckError {
  constructor(text: string) {
    super('data', 'CUT', text, { hint: 'See who writes so much there' });
  }
}
