import { WrongTypeError } from '../errors.ts';
import type { Client } from './client.ts';
import type { KeyType } from './key-types.ts';
import { isPassing, refused, refusedScript } from './refusals.ts';

export type KeyTypes = Readonly<Record<string, KeyType>>;

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
    throw await wrongTypeOf(client, typeof expected === 'function' ? expected() : expected, error);
  }
}

async function wrongTypeOf(client: Client, types: KeyTypes, error: Error): Promise<Error> {
  for (const [key, type] of Object.entries(types)) {
    const found = await client.type(key);
    if (found !== 'none' && found !== type) return new WrongTypeError(key, type, { cause: error });
  }
  return error;
}

/**
 * What a script says in the place of one of several replies, as the error it would have been: a `WrongTypeError` that
 * names the key, rights that are missing.
 * @throws what the server refuses for a while: it is no fault of these keys
 */
export async function failureOf(
  client: Client,
  { lua, keys }: { readonly lua: string; readonly keys: KeyTypes },
  text: string,
): Promise<Error> {
  const reply = Object.assign(new Error(text), { name: 'ReplyError' });
  if (isPassing(reply)) throw refused(reply);
  if (text.includes('WRONGTYPE')) return await wrongTypeOf(client, keys, reply);
  const error = await refusedScript(client, reply, { lua, keys: Object.keys(keys) });
  return error instanceof Error ? error : reply;
}
