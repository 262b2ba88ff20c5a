import beginningsLua from './beginnings.lua';
import type { Client } from './client.ts';
import { asTexts } from './reply.ts';
import { defineScript } from './script.ts';

const keysAtOnce = 1000;

const beginnings = defineScript({ lua: beginningsLua, parse: asTexts });

/**
 * The first 21 bytes of what strings hold, which are all of a counter, however long somebody made it: empty where there is
 * none, `!` where it is no string. In Cluster the keys share a slot.
 */
export async function beginningsOf(client: Client, keys: readonly string[]): Promise<string[]> {
  const pages: Promise<readonly string[]>[] = [];
  for (let from = 0; from < keys.length; from += keysAtOnce)
    pages.push(beginnings(client, keys.slice(from, from + keysAtOnce), []));
  return (await Promise.all(pages)).flat();
}
