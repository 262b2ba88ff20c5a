import { type Client, isCluster } from './client.ts';
import hashPage from './hash-page.lua';
import { isReplyError, refusalSort } from './refusals.ts';
import { asArray, asInteger, asPairs, asText } from './reply.ts';
import { defineScript } from './script.ts';
import { failureOf, typed } from './wrong-type.ts';

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

/** Which fields are wanted: those of a pattern, and whose values hold a text. */
export type Wanted = { readonly match?: string; readonly holding?: string };

const fieldsEach = 1000;
const usualPageBytes = 131_072;

type Page = HashPage & { readonly cursor: string };

function pageOf(reply: unknown, key?: string): Page {
  const [cursor, leftOut, leftOutBytes, ...flat] = asArray(reply, key);
  const next = asText(cursor);
  return {
    cursor: next,
    leftOut: asInteger(leftOut),
    leftOutBytes: asInteger(leftOutBytes),
    entries: asPairs(flat).map(([field, value]) => [field, asText(value)] as const),
    isLast: next === '0',
  };
}

const pageScript = defineScript({ lua: hashPage, parse: asArray });

/**
 * Everything in a hash that anybody may have written, a page at a time: no reply grows with what is stored. A field may
 * come twice while the hash changes.
 * @throws {WrongTypeError}
 */
export async function* hashPages(
  client: Client,
  key: string,
  { longest, pageBytes = usualPageBytes, match = '*', holding = '' }: HashOptions & Wanted,
): AsyncGenerator<HashPage> {
  let from = '0';
  do {
    const [reply] = await typed(
      client,
      { [key]: 'hash' },
      pageScript(client, [key], [fieldsEach, longest, pageBytes, from, match, holding]),
    );
    const { cursor, ...page } = pageOf(reply, key);
    from = cursor;
    yield page;
  } while (from !== '0');
}

/** A page, or why there is none, and the cursor of what comes next. */
export type FoundPage = { readonly key: string; readonly page: HashPage | Error; readonly next: string };

/**
 * One page of each of some hashes, from their cursors on, `'0'` being the beginning: one command, in Cluster one for
 * each. Where a reply has enough there are fewer pages, of the first hashes, at least one.
 * @throws {RefusedError} when the server refuses for a while
 */
export async function pagesOfHashes(
  client: Client,
  hashes: readonly { readonly key: string; readonly cursor: string }[],
  { longest, pageBytes = usualPageBytes }: HashOptions,
): Promise<readonly FoundPage[]> {
  if (hashes.length === 0) return [];
  const groups = isCluster(client) ? hashes.map((hash) => [hash]) : [hashes];
  const bounds = [fieldsEach, longest, pageBytes];
  const replies = await Promise.all(
    groups.map((group) =>
      pagesOf(
        client,
        group.map(({ key }) => key),
        [...bounds, ...group.map(({ cursor }) => cursor)],
      ),
    ),
  );
  return replies.flat();
}

async function pagesOf(
  client: Client,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<readonly FoundPage[]> {
  let replies: readonly unknown[];
  try {
    replies = await pageScript(client, keys, args);
  } catch (error) {
    // With several the script itself gives it in the place of the page.
    if (keys.length > 1 || refusalSort(error) !== 'lasting') throw error;
    replies = [error];
  }
  return await Promise.all(
    replies.map(async (reply, index): Promise<FoundPage> => {
      const key = keys[index] ?? '';
      const text = isReplyError(reply) ? reply.message : reply;
      if (text instanceof Error) return { key, page: text, next: '0' };
      if (typeof text === 'string') {
        const page = await failureOf(client, { lua: hashPage, keys: { [key]: 'hash' } }, text);
        return { key, page, next: '0' };
      }
      const { cursor, ...page } = pageOf(reply, key);
      return { key, page, next: cursor };
    }),
  );
}
