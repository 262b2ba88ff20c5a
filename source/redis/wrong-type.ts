import { WrongTypeError } from '../errors.ts';
import type { Client } from './client.ts';
import { refused } from './refusals.ts';

type KeyTypes = Readonly<Record<string, 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream'>>;

/**
 * Waits for a reply; when Redis answered WRONGTYPE, finds out which key it meant.
 *
 * `expected` names each key the command may have touched and the type it should have; a function, where making that
 * list would cost. Nothing is asked unless the
 * command failed.
 * @throws {WrongTypeError} naming the first key that holds another type; any other failure as it came
 */
export async function typed<Reply>(
  client: Client,
  expected: KeyTypes | (() => KeyTypes),
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('WRONGTYPE'))) throw refused(error);
    const types = typeof expected === 'function' ? expected() : expected;
    for (const [key, type] of Object.entries(types)) {
      const found = await client.type(key);
      if (found !== 'none' && found !== type) throw new WrongTypeError(key, type, { cause: error });
    }
    throw error;
  }
}
