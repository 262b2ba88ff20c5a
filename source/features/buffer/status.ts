import * as v from 'valibot';
import type { Client } from '../../redis/client.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { bufferKeys } from './keys.ts';

/**
 * How flushing one type goes, left in Redis for consoles on other machines. Not data: it has a TTL, and a Redis
 * that refuses it (being full, say) does not stop the flush.
 */

const keepMs = 7 * 86_400_000;

const at = v.pipe(v.number(), v.minValue(0));

/** Anybody may write to Redis: what does not look like this is not shown. */
const parts = {
  /** The last batch that reached SQL. */
  last: v.object({ rows: v.number(), total: v.number(), durationMs: at, atMs: at }),
  /** While flushing fails: how often on end, why, and when the next attempt is due; null: nobody tries. */
  failure: v.object({ attempts: v.number(), message: v.string(), sinceMs: at, retryAtMs: v.nullable(at) }),
  /** The daemon that flushes: how often, and when it was last heard of. */
  flusher: v.object({ everyMs: at, seenMs: at }),
  /** Where the last batch went, without a password. Shown, and never a default: anybody may have written it. */
  target: v.object({ to: v.string(), table: v.string(), key: v.string(), column: v.string() }),
};

/** The fields of the hash that are read. */
export const statusFields = Object.keys(parts);

export type Status = { readonly [Part in keyof typeof parts]?: v.InferOutput<(typeof parts)[Part]> };

/** Replaces the parts that are given; `failure: undefined` takes the failure away. */
export async function writeStatus(
  redis: Client,
  type: string,
  changes: { readonly [Part in keyof Status]: Status[Part] | undefined },
): Promise<void> {
  const { status } = bufferKeys(redis, type);
  const written: Record<string, string> = {};
  const gone: string[] = [];
  for (const [name, part] of Object.entries(changes)) {
    if (part === undefined) gone.push(name);
    else written[name] = JSON.stringify(part);
  }
  try {
    const pipeline = redis.pipeline();
    if (Object.keys(written).length > 0) pipeline.hset(status, written);
    if (gone.length > 0) pipeline.hdel(status, ...gone);
    await pipeline.pexpire(status, keepMs).exec();
  } catch {
    // The next one will tell as much.
  }
}

/** The parts that can be understood; undefined if there are none. */
export function parseStatus(fields: Readonly<Record<string, string | undefined>>): Status | undefined {
  const known = Object.entries(parts).flatMap(([name, schema]) => {
    const json = v.safeParse(v.pipe(v.string(), v.parseJson()), fields[name]);
    const part = json.success ? v.safeParse(schema, json.output) : undefined;
    return part?.success ? [[name, part.output]] : [];
  });
  return known.length === 0 ? undefined : (Object.fromEntries(known) as Status);
}

/** The server's clock, which every console shares; epoch ms. */
export async function serverTimeMs(redis: Client): Promise<number> {
  const [seconds, microseconds] = await retryAborted(() => redis.time());
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
