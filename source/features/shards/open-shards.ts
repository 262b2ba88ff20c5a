import type { Connection } from '../../redis/connection/connect.ts';
import { ShardDownError } from './errors.ts';
import type { RouterName } from './router.ts';
import { checkOrder } from './shard-fingerprint.ts';
import { type Shards, shardsOf } from './shards.ts';

/** Several servers of one session, and how keys are spread over them. */
type Session = {
  readonly connections: readonly Connection[];
  readonly config: { readonly router: RouterName; readonly readOnly: boolean };
};

/**
 * The shards of a session, checked to be given in the order their data was written with. A list that was found in
 * order is not asked about again by this process; with a single server there is nothing to check.
 * @param mark for writers: servers without a fingerprint get one
 * @throws {ShardOrderError}
 */
export async function openShards(
  { connections, config }: Session,
  { mark = false }: { readonly mark?: boolean } = {},
): Promise<Shards> {
  const shards = shardsOf(connections, config.router);
  const [first] = connections;
  if (!first || connections.length === 1) return shards;
  const seen = checked.get(first);
  if (seen === 'marked' || (seen === 'read' && !mark)) return shards;
  if (await checkOrder(shards, { mark: mark && !config.readOnly }))
    checked.set(first, mark ? 'marked' : 'read');
  return shards;
}

const checked = new WeakMap<Connection, 'read' | 'marked'>();

/**
 * Waits for work that may concern any of several servers.
 * @throws {ShardDownError} naming the one gone for longest, when it is not done in `deadlineMs`
 */
export async function inTime<Value>(
  shards: Shards,
  deadlineMs: number,
  work: Promise<Value>,
): Promise<Value> {
  if (shards.urls.length === 1) return await work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const [shard = 0] = [...shards.urls.keys()].toSorted((a, b) => shards.goneMs(b) - shards.goneMs(a));
    late.reject(new ShardDownError(shard, shards.urls[shard] ?? ''));
  }, deadlineMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says what is missing from an answer; the exit code of an answer that is not whole. */
export function tellMissing(
  { warn }: { warn(text: string): void },
  missing: readonly ShardDownError[],
): { readonly exitCode?: number } {
  for (const { message } of missing) warn(`${message}: its part is missing here`);
  return missing.length > 0 ? { exitCode: unreachable } : {};
}

const unreachable = 3;

/** What a pane's headline says of them. */
export function missingHeadline(missing: readonly number[] | undefined): readonly string[] {
  if (missing === undefined || missing.length === 0) return [];
  return [`${missing.length === 1 ? 'SHARD' : 'SHARDS'} ${missing.join(', ')} DOWN`];
}
