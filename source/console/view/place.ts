import type { State } from '../../store/store.ts';

/**
 * The server as people call it, with its database: `10.0.0.7:6379, database 2`. `isSpread`: what is asked of all of
 * several servers.
 */
export function placeOf(
  { url, kind, servers = 1 }: Pick<State['connection'], 'url' | 'kind' | 'servers'>,
  { isSpread = false }: { readonly isSpread?: boolean } = {},
): string {
  const more = servers - 1;
  const others = isSpread && more > 0 ? ` and ${more} ${more === 1 ? 'other' : 'others'}` : '';
  if (kind !== 'standalone') return `${kind === 'cluster' ? 'the cluster ' : ''}${url}${others}`;
  const [, host = url, database] = /^rediss?:\/\/([^/]+)\/?(\d*)$/.exec(url) ?? [];
  return `${host}, database ${database || '0'}${others}`;
}
