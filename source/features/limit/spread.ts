import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { passedOver } from '../../redis/scan.ts';
import type { ReadContext } from '../feature.ts';
import type { ShardDownError } from '../shards/errors.ts';
import { openShards } from '../shards/open-shards.ts';
import { askOwner, everywhere, partsOf } from '../shards/shards.ts';
import { discover, type FoundLimit } from './discover.ts';
import { type LimitUse, list, listAll, reset } from './list.ts';
import { type Reset, resetKept, restore } from './reset/keep.ts';
import { type Limit, ruleOf, stateKey, windowOf } from './rules.ts';

/**
 * Limits over several servers. A subject lives, with all of its limits, on the one its name is routed to; a plain key
 * (`--layout seed`) on the one of that key. With one server everything is asked of that one.
 */
type Context = Pick<ReadContext, 'redis' | 'connections' | 'config' | 'warn'>;

/** Asks about one subject where it lives. @throws {ShardDownError} when that server, of several, is down */
export async function askSubject<Value>(
  context: Context,
  subject: string,
  { limits, mark = false }: { readonly limits: readonly Limit[]; readonly mark?: boolean },
  ask: (client: Client) => Promise<Value>,
): Promise<Value> {
  const shards = await openShards(context, { mark });
  const [seed] = limits.filter(({ layout }) => layout === 'seed').map(ruleOf);
  const options = { deadlineMs: context.config.timeoutMs };
  if (!seed || shards.urls.length === 1) return await askOwner(shards, subject, ask, options);
  // The key is named after its minute, by the first clock that answers.
  const clocks = await everywhere(shards, serverMs);
  const clock = shards.client(
    Math.max(
      0,
      clocks.findIndex(({ ok }) => ok),
    ),
  );
  const key = stateKey(clock, subject, seed, windowOf(clock, seed));
  return await askOwner(shards, key, ask, options);
}

type Page = Listed & {
  /** How many entries of each index were looked at, at most. */
  readonly met: number;
  /** What of these entries is not known, in sentences. */
  readonly wrong: readonly string[];
};

type Listed = {
  readonly total: number;
  readonly limits: readonly LimitUse[];
  readonly missing: readonly ShardDownError[];
};

/** All limits of every server, the servers whose part is missing, and keys that hold something else. */
export async function listOver(context: Context): Promise<Listed & { readonly foreign: readonly string[] }> {
  const { values, missing } = partsOf(
    await everywhere(await openShards(context), (client) => listAll(client, (cut) => context.warn?.(cut))),
  );
  const limits =
    values.length === 1 ? (values[0]?.limits ?? []) : merged(values.flatMap((part) => part.limits));
  return { total: limits.length, limits, missing, foreign: values.flatMap((part) => part.foreign) };
}

/** The limits most recently noted on each server, for a screen. */
export async function pageOver(
  context: Context,
  { count, skip, deadlineMs }: { readonly count: number; readonly skip: number; readonly deadlineMs: number },
): Promise<Page> {
  const shards = await openShards(context);
  const { values, missing } = partsOf(
    await everywhere(shards, (client) => list(client, { count, skip }), { deadlineMs }),
  );
  const read = {
    missing,
    met: Math.max(0, ...values.map(({ met }) => met)),
    wrong: values.flatMap(({ unknown, foreign }) => {
      const said = passedOver(foreign, 'limits');
      return said === undefined ? unknown : [...unknown, said];
    }),
  };
  const [only] = values;
  if (shards.urls.length === 1 && only) return { total: only.total, limits: only.limits, ...read };
  const limits = merged(values.flatMap((part) => part.limits));
  const repeated = values.reduce((sum, part) => sum + part.limits.length, 0) - limits.length;
  return { total: values.reduce((sum, { total }) => sum + total, 0) - repeated, limits, ...read };
}

/** What only the keys tell of, on every server: limits that no index knows. Looks through all keys, slowly. */
export async function discoverOver(
  context: Context,
  signal: AbortSignal,
): Promise<{
  readonly limits: readonly FoundLimit[];
  readonly foreign: readonly string[];
  readonly missing: readonly ShardDownError[];
}> {
  const shards = await openShards(context);
  const options = { deadlineMs: context.config.timeoutMs, isLong: true };
  const answers = await everywhere(shards, (client) => discover(client, signal), options);
  const { values, missing } = partsOf(answers);
  const found = new Map<string, FoundLimit>();
  for (const limit of values.flatMap((part) => part.limits)) {
    // Minutes of one subject may lie on several servers, and the current one on one of them.
    const id = JSON.stringify([limit.subject, limit.algorithm, limit.perMs, limit.layout]);
    const other = found.get(id);
    if (!other || (other.used ?? 0) < (limit.used ?? 0)) found.set(id, limit);
  }
  const limits = [...found.values()].toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
  return { limits, foreign: values.flatMap((part) => part.foreign), missing };
}

/** Gives a subject all of its limits back, wherever plain keys of it may have been counted. */
export async function resetOver(
  context: Context,
  subject: string,
): Promise<Reset & { readonly missing: readonly ShardDownError[] }> {
  const shards = await openShards(context, { mark: true });
  const own = await askOwner(shards, subject, (client) => resetKept(client, subject), {
    deadlineMs: context.config.timeoutMs,
  });
  if (shards.urls.length === 1) return { ...own, missing: [] };
  const owner = shards.route(subject);
  const answers = await everywhere(shards, async (client, shard) =>
    shard === owner ? 0 : await reset(client, subject),
  );
  const { values, missing } = partsOf(answers);
  return { cleared: values.reduce((sum, count) => sum + count, own.cleared), id: own.id, missing };
}

/** Takes one reset back, as far as something is kept of it. @returns how many limits that are */
export async function restoreOver(context: Context, subject: string, id: string): Promise<number> {
  const shards = await openShards(context, { mark: true });
  return await askOwner(shards, subject, (client) => restore(client, subject, id), {
    deadlineMs: context.config.timeoutMs,
  });
}

/** Not known where a part of it is not. */
function sumOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}

/** A subject of the seed layout is known to every server that held one of its minutes. */
function merged(limits: readonly LimitUse[]): readonly LimitUse[] {
  const found = new Map<string, LimitUse>();
  for (const use of limits) {
    const id = JSON.stringify([use.subject, use.algorithm, use.perMs, use.layout]);
    const other = found.get(id);
    const fuller = other && other.used > use.used ? other : use;
    found.set(id, { ...fuller, denied: other ? sumOf(use.denied, other.denied) : use.denied });
  }
  return [...found.values()];
}
