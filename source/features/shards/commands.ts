import * as v from 'valibot';
import { name } from '../../values.ts';
import { type Command, defineCommand, list, optionalFlag } from '../feature.ts';
import * as printed from './printed.ts';
import { routerNames } from './router.ts';
import { checkOrder } from './shard-fingerprint.ts';
import { shardsOf } from './shards.ts';
import { status } from './status.ts';

const routeCommand = defineCommand({
  verb: 'route',
  summary: 'tell which server each key lives on',
  words: { keys: list('KEY', 'names of keys', name, { min: 1 }) },
  flags: {
    router: optionalFlag(
      'NAME',
      `${routerNames.join(', ')} (the global --router)`,
      v.picklist(routerNames, `Expected one of ${routerNames.join(', ')}`),
    ),
  },
  prints: printed.routes,
  writes: false,
  offline: true,
  examples: ['quarterdeck shards route user:1 user:2 --router ketama --url redis://a --url redis://b'],
  async run({ connections, config }, { keys, router }) {
    const shards = shardsOf(connections, router ?? config.router);
    const json = keys.map((key) => {
      const shard = shards.route(key);
      return { key, shard, url: shards.urls[shard] ?? '' };
    });
    return { json, text: json.map(({ key, shard, url }) => `${key}  shard ${shard}  ${url}`) };
  },
});

const statusCommand = defineCommand({
  verb: 'status',
  summary: 'show every server: role, state, memory, load',
  prints: printed.servers,
  writes: false,
  partial: true,
  async run({ connections, config, warn }) {
    const servers = await status(connections);
    await checkOrder(shardsOf(connections, config.router), { mark: false }).catch((error: Error) =>
      warn(error.message),
    );
    const text = servers.map(
      ({ shard, url, role, state, usedBytes, opsPerSec, clients, keys }) =>
        `${shard}  ${role}  ${state}  ${url}  ${usedBytes ?? '?'} bytes  ${opsPerSec ?? '?'}/s  ${clients ?? '?'} clients  ${keys ?? '?'} keys`,
    );
    return { json: servers, text };
  },
});

// biome-ignore lint/suspicious/noExplicitAny: each command keeps its own input type; the table is heterogeneous
export const commands: readonly Command<any>[] = [routeCommand, statusCommand];
