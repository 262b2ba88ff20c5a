import * as v from 'valibot';
import { DeniedError, QuarterdeckError, UnsupportedServerError } from '../errors.ts';
import { backoffMs, pause } from './backoff.ts';
import { type Client, isCluster } from './client.ts';
import { protocolFault, RefusedError } from './errors.ts';
import { asArray, asPairs, asText } from './reply.ts';
import { isTooOld, serverOf } from './server/server-version.ts';

/**
 * What a server refuses, in three sorts: what passes by itself (it is full, a replica, loading) and is ridden out like
 * a lost connection; what lasts until somebody mends it (rights, types, a command it does not have); all else.
 */
export type RefusalSort = 'passing' | 'lasting';

/** The predicate follows the name of a server. */
type Passing = { readonly code: string; readonly predicate: string; readonly hint: string };

/** By the first word of the reply. */
const passing: ReadonlyMap<string, Passing> = new Map([
  [
    'OOM',
    {
      code: 'REDIS_FULL',
      predicate: 'is at its maxmemory and takes no more',
      hint: 'Free some of it or raise maxmemory',
    },
  ],
  [
    'MISCONF',
    {
      code: 'REDIS_NOT_SAVING',
      predicate: 'takes no writes because it could not save to its disk',
      hint: 'Look into the log of the server',
    },
  ],
  [
    'READONLY',
    {
      code: 'REDIS_REPLICA',
      predicate: 'is a read-only replica, which takes no writes',
      hint: 'Use the primary, or --sentinel to find it',
    },
  ],
  [
    'MASTERDOWN',
    {
      code: 'REDIS_PRIMARY_DOWN',
      predicate: 'is a replica that has lost its primary, and answers nothing',
      hint: 'Use the primary, or --sentinel to find it',
    },
  ],
  [
    // What waits, such as XREAD BLOCK, when the server becomes a replica.
    'UNBLOCKED',
    {
      code: 'REDIS_REPLICA',
      predicate: 'has become a replica',
      hint: 'Use the primary, or --sentinel to find it',
    },
  ],
  [
    'LOADING',
    {
      code: 'REDIS_LOADING',
      predicate: 'is still loading its data',
      hint: 'Raise --timeout to wait longer',
    },
  ],
  [
    'CLUSTERDOWN',
    {
      code: 'REDIS_CLUSTER_DOWN',
      predicate: 'is a cluster that is down',
      hint: 'See `redis-cli cluster info`',
    },
  ],
  [
    'TRYAGAIN',
    {
      code: 'REDIS_SLOT_MOVING',
      predicate: 'is moving the slot of these keys to another server of the cluster',
      hint: 'Raise --timeout to wait longer',
    },
  ],
  [
    'NOREPLICAS',
    {
      code: 'REDIS_NO_REPLICAS',
      predicate: 'takes no writes because it has too few replicas',
      hint: 'See min-replicas-to-write on the server',
    },
  ],
  [
    'BUSY',
    {
      code: 'REDIS_BUSY',
      predicate: 'is busy with a script that takes long',
      hint: 'See `redis-cli script kill`',
    },
  ],
]);

/** The sort of a failure, also behind an error of ours; undefined where no server refused anything we know. */
export function refusalSort(thrown: unknown): RefusalSort | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof RefusedError) return 'passing';
    if (error instanceof DeniedError || error instanceof UnsupportedServerError) return 'lasting';
    const { message } = error;
    if (passing.has(firstWord(message))) return 'passing';
    if (/^WRONGTYPE\b/.test(message) || denialIn(message) || abilityMissing(message)) return 'lasting';
  }
}

export function isPassing(thrown: unknown): boolean {
  return refusalSort(thrown) === 'passing';
}

/**
 * What a plain command was refused with, as an error of ours that says what to do; anything else as it came. WRONGTYPE
 * stays: `typed` finds out which key it means. `server` names it, where several may be meant.
 */
export function refused(thrown: unknown, server = 'Redis'): unknown {
  if (!isReplyError(thrown)) return protocolFault(thrown) ?? thrown;
  const { message } = thrown;
  const known = passing.get(firstWord(message));
  if (known) {
    return new RefusedError(
      known.code,
      `${server} ${known.predicate} (${plain(message)})`,
      known.hint,
      thrown,
    );
  }
  const denial = denialIn(message);
  if (denial) {
    return deniedError(thrown, denial.what, denial.name, sentIn(thrown, denial.what));
  }
  const missing = abilityMissing(message);
  if (missing !== undefined) {
    return new UnsupportedServerError(
      `This server does not offer \`${missing}\`, which is needed here`,
      [missing],
      { code: 'SERVER_RESTRICTED', cause: thrown, hint: 'See docs/servers.md for what works without it' },
    );
  }
  return thrown;
}

/**
 * The same for a script, whose refusals name nothing: the line of the script that failed says which command, key or
 * channel it was about, else ACL LOG, where this user may read it.
 */
export async function refusedScript(
  client: Client,
  thrown: unknown,
  { lua, keys }: { readonly lua: string; readonly keys: readonly string[] },
): Promise<unknown> {
  if (!isReplyError(thrown)) return thrown;
  const { message } = thrown;
  const denial = denialIn(message);
  if (denial) {
    const { what } = denial;
    const line = lineIn(message, lua);
    const candidates =
      what === 'command' ? commandsIn(line ?? lua) : what === 'key' ? keysOf(line, keys) : [];
    // A script may as well build names of keys: then it is none of those that it was given.
    const isSure =
      candidates.length === 1 && (what === 'command' || line === undefined || /\bKEYS\[/.test(line));
    const name = denial.name ?? (isSure ? candidates[0] : await loggedDenial(client, what));
    return deniedError(
      thrown,
      what,
      name,
      isSure || line === undefined || what === 'command' ? candidates : [],
    );
  }
  if (/compiling script|script shebang|script flag/i.test(message)) {
    const server = await serverOf(client);
    return server.version === undefined || isTooOld(server)
      ? new UnsupportedServerError(
          `Quarterdeck needs Redis 7.0 or Valkey 7.2; this is ${server.label}`,
          ['script-flags'],
          { code: 'SERVER_TOO_OLD', cause: thrown, hint: 'Use a newer server; see docs/servers.md' },
        )
      : thrown;
  }
  return refused(thrown);
}

export type RideOutOptions = {
  readonly signal?: AbortSignal;
  /** How long refusals that pass are waited for, from the first of them on; without limit unless given. */
  readonly timeoutMs?: number;
  /** Shared by several calls whose refusals are one episode: they have one timeout, from the first of all on. */
  readonly episode?: RefusalEpisode;
  /** Called before each wait, with what was refused and for how long it has been. */
  readonly onWait?: (refusal: unknown, sinceMs: number) => void;
};

/** Since when, by `performance.now()`, the server has refused what several calls asked; undefined while it does not. */
export type RefusalEpisode = { sinceMs: number | undefined };

/**
 * Does something again for as long as the server refuses it with what passes by itself, as a lost connection is waited
 * for. What is run must be safe to run twice.
 * @throws whatever else `run` throws; the refusal when it lasted longer than `timeoutMs`, or when `signal` aborted
 */
export async function rideOut<Result>(
  run: () => Promise<Result>,
  { signal, timeoutMs = Number.POSITIVE_INFINITY, onWait, episode }: RideOutOptions = {},
): Promise<Result> {
  let sinceMs: number | undefined;
  for (let failures = 1; ; failures += 1) {
    try {
      const result = await run();
      // What was never refused, such as a read, does not show that the others are taken again.
      if (episode && sinceMs !== undefined) episode.sinceMs = undefined;
      return result;
    } catch (error) {
      if (!isPassing(error)) throw error;
      const now = performance.now();
      sinceMs ??= episode?.sinceMs ?? now;
      if (episode) episode.sinceMs ??= sinceMs;
      const leftMs = sinceMs + timeoutMs - now;
      if (leftMs <= 0 || signal?.aborted) throw error;
      onWait?.(error, now - sinceMs);
      await pause(Math.min(backoffMs(failures, { firstMs: 100, mostMs: 2000 }), leftMs), signal);
      if (signal?.aborted) throw error;
    }
  }
}

/**
 * What is sent in the background while the foreground waits for input: a failure there that lasts, or that passes but
 * has gone on for longer than `timeoutMs`, ends what waits, also while the input is silent.
 */
export class BackgroundFailure {
  readonly #timeoutMs: number;
  readonly #gaveUp = Promise.withResolvers<never>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#gaveUp.promise.catch(() => {});
  }

  /** Takes in that an attempt failed, and for how long all have. */
  note(error: unknown, failingForMs: number): void {
    const sort = refusalSort(error);
    const isLasting = sort === 'lasting' || (QuarterdeckError.is(error) && error.kind !== 'connection');
    if (sort === 'passing' ? failingForMs > this.#timeoutMs : isLasting) this.#gaveUp.reject(refused(error));
  }

  /** What `work` comes to, or the failure that ends it. */
  race<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#gaveUp.promise]);
  }
}

export function isReplyError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === 'ReplyError';
}

function firstWord(message: string): string {
  return message.split(' ', 1)[0] ?? '';
}

/** Without which script it was in: that is of no use to anybody. */
function plain(message: string): string {
  return message.replace(/ script: [0-9a-f]{40}, on @user_script:\d+\.?$/, '').replace(/\.$/, '');
}

type Denial = { readonly what: DeniedError['what']; readonly name: string | undefined };

/** Servers say it in their own words: 7.0 in scripts without, from 7.2 on with what it was. */
function denialIn(message: string): Denial | undefined {
  const isDenial = /^NOPERM\b|user executing the script can't|no permissions? to/i.test(message);
  if (!isDenial) return;
  const [, quoted, kind] =
    /'([^']*)' (command|key|channel)|(?:(command|key|channel) '([^']*)')/.exec(message) ?? [];
  const what = (kind ?? /\b(key|channel)/.exec(message)?.[1] ?? 'command') as Denial['what'];
  return { what, name: what === 'command' ? quoted?.replace('|', ' ').toUpperCase() : quoted };
}

function abilityMissing(message: string): string | undefined {
  const [, unknown] = /^ERR unknown (?:sub)?command '?([^\s',]+)/i.exec(message) ?? [];
  if (unknown !== undefined) return unknown.toUpperCase();
  if (/Unknown Redis command called from script/.test(message)) return 'a command that a script calls';
  if (/not allowed from script/.test(message)) return 'a command within scripts';
}

/** The line of the script that the message names. */
function lineIn(message: string, lua: string): string | undefined {
  const [, line] = /@user_script:(\d+)/.exec(message) ?? [];
  return line === undefined ? undefined : lua.split('\n')[Number(line) - 1];
}

/** The keys that the line names; without a line the script was refused before it ran, for any of its keys. */
function keysOf(line: string | undefined, keys: readonly string[]): readonly string[] {
  if (line === undefined) return keys;
  const named = line.matchAll(/\bKEYS\[(\d+)\]/g);
  return Array.from(named, ([, place]) => keys[Number(place) - 1]).filter((key) => key !== undefined);
}

/** What of the command that was sent may be meant. */
function sentIn(error: Error, what: Denial['what']): readonly string[] {
  const sent: unknown = Reflect.get(error, 'command');
  if (!v.is(sentCommand, sent)) return [];
  const { name, args } = sent;
  if (what === 'command') return [name.toUpperCase()];
  const texts = args.map(String);
  if (what === 'key') return keysIn(name, texts);
  return /publish$/i.test(name) ? texts.slice(0, 1) : texts;
}

/** The keys among the arguments of a command that we send. */
function keysIn(name: string, args: readonly string[]): readonly string[] {
  // Behind the text of the script, or its digest, and their number.
  if (/^(eval|fcall)/i.test(name)) return args.slice(2, 2 + Number(args[1]));
  if (/^xread/i.test(name)) {
    const streams = args.slice(args.findIndex((word) => /^streams$/i.test(word)) + 1);
    return streams.slice(0, streams.length / 2);
  }
  if (/^(memory|object|xinfo)$/i.test(name)) return args.slice(1, 2);
  return /^(mget|del|unlink|exists|touch)$/i.test(name) ? args : args.slice(0, 1);
}

/** What ioredis keeps of a command that failed. */
const sentCommand = v.object({ name: v.string(), args: v.array(v.unknown()) });

function deniedError(
  cause: Error,
  what: Denial['what'],
  name: string | undefined,
  candidates: readonly string[],
): DeniedError {
  const known = name ?? (candidates.length === 1 ? candidates[0] : undefined);
  const isOpen = known === undefined && candidates.length > 0;
  const more = candidates.length > mostCandidates ? ', ...' : '';
  const some = candidates.slice(0, mostCandidates).join(', ');
  return new DeniedError(what, known, {
    cause,
    ...(isOpen && {
      hint: `It is one of ${some}${more}; \`ACL LOG\` says which, for a user who may read it`,
    }),
  });
}

const mostCandidates = 20;

/** Every command that is called by its name; with `isForced` only those whose failure ends the script. */
export function commandsIn(lua: string, isForced = false): readonly string[] {
  const code = lua.replaceAll(/--.*$/gm, '');
  const calls = code.matchAll(/\b(?:redis\.)?(p?)call\(\s*'([A-Za-z]+)'(?:\s*,\s*'([A-Z]+)')?/g);
  const names = Array.from(calls).flatMap(([, isCaught, name = '', second]) => {
    if (isForced && isCaught) return [];
    // Only these two of ours have subcommands.
    const isTwo = second !== undefined && /^(MEMORY|XINFO)$/i.test(name);
    return (isTwo ? `${name} ${second}` : name).toUpperCase();
  });
  return [...new Set(names)];
}

/** What this user was last refused, by the server's own log. */
async function loggedDenial(client: Client, what: Denial['what']): Promise<string | undefined> {
  // In a cluster nobody says which of the servers it was.
  if (isCluster(client)) return;
  try {
    const [me, log] = await Promise.all([client.call('ACL', 'WHOAMI'), client.call('ACL', 'LOG', '10')]);
    for (const entry of asArray(log)) {
      const { reason, object, username } = Object.fromEntries(asPairs(entry));
      if (reason !== what || username !== me) continue;
      const name = asText(object);
      return what === 'command' ? name.replace('|', ' ').toUpperCase() : name;
    }
  } catch {
    // A user who may not read it.
  }
}
