import type { Client } from './client.ts';
import hashPage from './hash-page.lua';
import { asArray, asInteger, asPairs, asText } from './reply.ts';
import { defineScript } from './script.ts';
import { typed } from './wrong-type.ts';

export type HashPage = {
  readonly entries: readonly (readonly [field: string, value: string])[];
  /** What is too large to be sent: how many fields, and their bytes. */
  readonly leftOut: number;
  readonly leftOutBytes: number;
  readonly isLast: boolean;
};

export type HashOptions = {
  /** Of a field with its value, in bytes: what is longer is left out. */
  readonly longest: number;
  readonly pageBytes?: number | undefined;
};

const fieldsEach = 1000;

const pageScript = defineScript({
  lua: hashPage,
  parse(reply) {
    const [cursor, leftOut, leftOutBytes, ...flat] = asArray(reply);
    return {
      cursor: asText(cursor),
      leftOut: asInteger(leftOut),
      leftOutBytes: asInteger(leftOutBytes),
      entries: asPairs(flat).map(([field, value]) => [field, asText(value)] as const),
    };
  },
});

/**
 * Everything in a hash that anybody may have written, a page at a time: no reply grows with what is stored. A field may
 * come twice while the hash changes.
 * @throws {WrongTypeError}
 */
export async function* hashPages(
  client: Client,
  key: string,
  { longest, pageBytes = 131_072 }: HashOptions,
): AsyncGenerator<HashPage> {
  let from = '0';
  do {
    const { cursor, ...page } = await typed(
      client,
      { [key]: 'hash' },
      pageScript(client, [key], [from, fieldsEach, longest, pageBytes]),
    );
    from = cursor;
    yield { ...page, isLast: cursor === '0' };
  } while (from !== '0');
}
