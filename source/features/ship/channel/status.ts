import { WrongTypeError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { registered } from '../../../redis/registry.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { leftOutText } from '../../../ui/format.ts';
import { type ChannelState, type ConsumerStatus, stateOf } from './channel-state.ts';
import { channelKeys } from './keys.ts';
import {
  asideFieldParts,
  idsOf,
  type Process,
  parseAside,
  parseEntry,
  parseProcess,
  parseRecord,
  readFiles,
} from './ledger.ts';
import { countsOf, type PartStatus, partStatus } from './part-status.ts';
import { leaseMs } from './participant.ts';
import { replyWords } from './reply.ts';
import statusLua from './status.lua';

export type FileStatus = {
  readonly name: string;
  readonly bytes: number;
  readonly shippedBytes: number;
  /** How many consumers have the whole file, of how many. */
  readonly done: number;
  readonly want: number;
  /** `shipping` while parts are to come, `announced` until everybody has them, then `freed`. */
  readonly state: 'shipping' | 'announced' | 'freed';
};

export type ChannelSummary = {
  readonly channel: string;
  readonly budgetBytes: number;
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly state: ChannelState;
  readonly consumers: readonly ConsumerStatus[];
  /** Shipped in this run, of what its shippers have found. */
  readonly totals: {
    readonly files: number;
    readonly bytes: number;
    readonly parts: number;
    readonly filesFound: number;
    readonly bytesFound: number;
  };
  /** Why nothing moves, and what could not be read, in words; empty when all is well. */
  readonly reason: string;
  /** Parts that consumers have set aside: see `ship aside`. */
  readonly aside: number;
};

export type ChannelStatus = ChannelSummary & { readonly files: readonly FileStatus[] };

/** A summary with the parts there are now, for the console. */
export type ChannelView = ChannelSummary & {
  readonly parts: readonly PartStatus[];
  readonly partsInRedis: number;
  readonly filesKnown: number;
  /** The server's clock. */
  readonly at: number;
};

const stalledAfterMs = leaseMs;
const partsLimit = 300;
/** Bytes of a setting, or of an entry with its name: ours are shorter, even with thousands of consumers. */
const longestEntry = 32_768;
/** Bytes of the parts that one look tells of. */
const mostBytes = 131_072;
const settingNames = ['run', 'closed', 'done', 'expect', 'budget', 'used', 'peak', 'files', 'bytes', 'parts'];

/** One channel and its files; undefined when nothing was ever shipped there. */
export async function status(redis: Client, channel: string): Promise<ChannelStatus | undefined> {
  const view = await look(redis, channel);
  if (!view) return;
  const keys = channelKeys(redis, channel);
  const missing = new Map<string, Set<string>>();
  for (const { file, missing: ids } of view.parts) {
    const all = missing.get(file) ?? new Set();
    for (const id of ids) all.add(id);
    missing.set(file, all);
  }
  const want = view.consumers.length;
  const files: FileStatus[] = [];
  for await (const [name, json] of readFiles(redis, keys)) {
    const record = parseRecord(name, json);
    if (!record || record.state === 'rotated') continue;
    const owing = missing.get(record.name)?.size;
    const isWhole = record.state === 'shipped';
    files.push({
      name: record.name,
      bytes: record.bytes,
      shippedBytes: record.shipped,
      done: isWhole ? want - (owing ?? 0) : 0,
      want,
      state: !isWhole ? 'shipping' : owing === undefined ? 'freed' : 'announced',
    });
  }
  const { parts: _, partsInRedis: __, filesKnown: ___, at: ____, ...summary } = view;
  return { ...summary, files: files.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** These channels, or all that are known; a key of somebody else's under one name hides no others. */
export async function statuses(
  redis: Client,
  names?: readonly string[],
): Promise<{ readonly found: readonly ChannelStatus[]; readonly wrong: readonly WrongTypeError[] }> {
  const asked = await Promise.all(
    (names ?? (await channels(redis))).map((name) =>
      status(redis, name).catch((error: unknown) => {
        if (error instanceof WrongTypeError) return error;
        throw error;
      }),
    ),
  );
  return {
    found: asked.flatMap((each) => (each === undefined || each instanceof WrongTypeError ? [] : [each])),
    wrong: asked.filter((each) => each instanceof WrongTypeError),
  };
}

/** Every channel that is known, the last used first. */
export async function channels(redis: Client): Promise<string[]> {
  return await registered(redis, 'ship');
}

/** One channel without its files, in one question. */
export async function look(redis: Client, channel: string): Promise<ChannelView | undefined> {
  const keys = channelKeys(redis, channel);
  const expected = {
    [keys.settings]: 'hash',
    [keys.parts]: 'hash',
    [keys.files]: 'hash',
    [keys.who]: 'hash',
    [keys.aside]: 'hash',
  } as const;
  const [
    at,
    settingWords,
    whoWords,
    members,
    partWords,
    partsInRedis,
    filesKnown,
    asideWords,
    asides,
    leftOut,
    leftOutBytes,
  ] = await typed(
    redis,
    { ...expected, [keys.members]: 'zset', [keys.messages]: 'zset' },
    statusScript(
      redis,
      [keys.settings, keys.parts, keys.files, keys.who, keys.members, keys.messages, keys.aside],
      [partsLimit, longestEntry, mostBytes, ...settingNames],
    ),
  );
  const settings = pairs(settingWords);
  if (!settings.has('run')) return;
  const now = Number(at);
  const who = new Map([...pairs(whoWords)].map(([field, json]) => [field, parseProcess(json)]));
  const entries = [...pairs(partWords)].flatMap(([part, json]) => {
    const entry = parseEntry(json);
    return entry ? [{ part, entry }] : [];
  });
  const cursors = new Map<string, number>();
  const behind = new Map<string, number>();
  for (const [id, cursor, count] of triples(members)) {
    cursors.set(id, Number(cursor));
    behind.set(id, Number(count));
  }
  const aside = asideByPart(pairs(asideWords));
  const counts = await countsOf(redis, keys, entries, who);
  const parts = entries
    .map(({ part, entry }) => ({
      id: entry.id ?? Number.POSITIVE_INFINITY,
      ...partStatus(part, entry, { counts, cursors, aside: aside.get(part) ?? [] }),
    }))
    .sort((a, b) => a.id - b.id);
  const number = (name: string): number => Number(settings.get(name) ?? 0);

  const shippers = [...who].flatMap(([field, process]) =>
    field.startsWith('s:') && process ? [process] : [],
  );
  const live = shippers.filter(({ at = 0 }) => now - at <= leaseMs);
  const consumers = idsOf(settings.get('expect')).map((id) => {
    const owed = parts.filter(({ missing }) => missing.includes(id));
    const late = owed.filter(({ aside: by }) => !by.includes(id));
    const firstOwed = Math.min(...late.map(({ announced }) => announced));
    const seen = who.get(`c:${id}`)?.at;
    const silentSince = Math.max(seen ?? 0, Number.isFinite(firstOwed) ? firstOwed : 0);
    const isStalled = late.length > 0 && now - silentSince > stalledAfterMs;
    return {
      id,
      done: Math.max(0, number('parts') - owed.length),
      // What was not listed is reported by the messages after its cursor.
      lag: entries.length < Number(partsInRedis) ? Math.max(owed.length, behind.get(id) ?? 0) : owed.length,
      aside: owed.length - late.length,
      seenMs: seen ?? null,
      stalledMs: isStalled ? silentSince : null,
    };
  });
  const outline = { settings, live, shippers, consumers, partsInRedis: Number(partsInRedis), now };
  const { state, reason } = stateOf(outline);
  const left = Number(leftOut) > 0 ? leftOutText(Number(leftOut), Number(leftOutBytes)) : '';
  return {
    channel,
    budgetBytes: number('budget'),
    usedBytes: number('used'),
    peakBytes: number('peak'),
    state,
    reason: [reason, left].filter((text) => text !== '').join('; '),
    consumers,
    totals: {
      files: number('files'),
      bytes: number('bytes'),
      parts: number('parts'),
      filesFound: Math.max(number('files'), sum(live, 'files')),
      bytesFound: Math.max(number('bytes'), sum(live, 'bytes')),
    },
    parts: parts.map(({ id: _, announced: __, ...part }) => part),
    aside: Number(asides),
    partsInRedis: Number(partsInRedis),
    filesKnown: Number(filesKnown),
    at: now,
  };
}

/** Who has set each part aside, and is not to take it again. */
function asideByPart(records: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [field, json] of records) {
    if (parseAside(json)?.retry !== false) continue;
    const { consumer, part } = asideFieldParts(field);
    found.set(part, [...(found.get(part) ?? []), consumer]);
  }
  return found;
}

function sum(processes: readonly Process[], field: 'files' | 'bytes'): number {
  return processes.reduce((total, process) => total + process[field], 0);
}

function pairs(words: unknown): Map<string, string> {
  const found = new Map<string, string>();
  if (!Array.isArray(words)) return found;
  for (let i = 0; i + 1 < words.length; i += 2) found.set(String(words[i]), String(words[i + 1]));
  return found;
}

function triples(words: unknown): [string, string, string][] {
  const found: [string, string, string][] = [];
  if (!Array.isArray(words)) return found;
  for (let i = 0; i + 2 < words.length; i += 3) {
    found.push([String(words[i]), String(words[i + 1]), String(words[i + 2])]);
  }
  return found;
}

const statusScript = defineScript({ lua: statusLua, parse: replyWords });
