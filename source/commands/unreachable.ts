import type { CommandContext, ReadContext } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';
import type { Connection } from '../redis/connection/connect.ts';

/** Whether some of several servers do not answer; says which. Their part of the answer is null, or left out. */
export function warnOfMissing({ connections, warn }: CommandContext): boolean {
  const missing = connections.filter((connection) => !isThere(connection));
  for (const { url, state } of missing) warn(`Without ${url}: ${state().error ?? 'it does not answer'}`);
  return missing.length > 0;
}

/** What lives on the first of several servers cannot be asked while that is gone: it would be waited for forever. */
export function canAsk({ connections }: ReadContext, feature: AnyFeature | undefined): boolean {
  const [first] = connections;
  return feature?.spreads === true || connections.length === 1 || (first !== undefined && isThere(first));
}

function isThere({ state }: Connection): boolean {
  return state().name === 'live';
}

/** Warns which parts are those of the first of several servers only. */
export function warnOfServer({ connections, warn }: CommandContext, chosen: readonly AnyFeature[]): void {
  const alone = chosen.filter(({ spreads }) => !spreads).map(({ noun }) => noun);
  if (connections.length < 2 || alone.length === 0) return;
  warn(`Of the first server alone, ${connections[0]?.url}: ${alone.join(', ')}`);
}
