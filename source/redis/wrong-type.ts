import { WrongTypeError } from '../errors.ts';
import type { Client } from './client.ts';

/**
 * Waits for a reply; when Redis answered WRONGTYPE, finds out which key it meant.
 *
 * `expected` names each key the command may have touched and the type it should have. Nothing is asked unless the
 * command failed.
 * @throws {WrongTypeError} naming the first key that holds another type; any other failure as it came
 */
export async function typed<Reply>(
  client: Client,
  expected: Readonly<Record<string, 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream'>>,
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('WRONGTYPE'))) throw error;
    for (const [key, type] of Object.entries(expected)) {
      const found = await client.type(key);
      if (found !== 'none' && found !== type) throw new WrongTypeError(key, type, { cause: error });
    }
    throw error;
  }
}
