import type { CommandContext, ReadContext } from '../features/feature.ts';
import type { AnyFeature } from '../features/index.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { failureOf } from './failure.ts';

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

type Each<Value> = { readonly values: readonly Value[]; readonly missing: readonly string[] };

/**
 * Asks every server at once. Of several, one that is gone, or goes for as long as `--timeout`, is left out, and `missing`
 * says which; its signal ends what it was asked. A single server has no others to do without.
 */
export async function askEach<Value>(
  { connections, config, signal }: Pick<CommandContext, 'connections' | 'config' | 'signal'>,
  ask: (connection: Connection, signal: AbortSignal) => Promise<Value>,
): Promise<Each<Value>> {
  const [first] = connections;
  if (first && connections.length === 1) return { values: [await ask(first, signal)], missing: [] };
  const values: Value[] = [];
  const missing: string[] = [];
  const part = async (connection: Connection): Promise<void> => {
    const over = new AbortController();
    try {
      if (!isThere(connection)) throw connection.whyUnreached();
      const asked = ask(connection, AbortSignal.any([signal, over.signal]));
      values.push(await Promise.race([asked, connection.lost(config.timeoutMs, over.signal)]));
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind !== 'connection') throw error;
      missing.push(`${failure.message}: its part is missing here`);
    } finally {
      over.abort();
    }
  };
  await Promise.all(connections.map(part));
  return { values, missing };
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
