import { Allowance, mostOfAll } from '../../../redis/allowance.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { hashPages, pagesOfHashes } from '../../../redis/hash-pages.ts';
import { isReplyError, refusalSort } from '../../../redis/refusals.ts';
import { listed, registered } from '../../../redis/registry.ts';
import { asCount, asInteger, asText, ifReadable } from '../../../redis/reply.ts';
import { defineScript } from '../../../redis/script.ts';
import { failureOf, type KeyTypes } from '../../../redis/wrong-type.ts';
import { counted, formatCount, leftOutText, namesCutTexts, onlyText } from '../../../ui/format.ts';
import { type ChannelState, type ConsumerStatus, consumerCondition, stateOf } from './channel-state.ts';
import { ChannelNameError } from './errors.ts';
import { type ChannelKeys, channelKeys } from './keys.ts';
import {
  asideFieldParts,
  type Entry,
  type FileRecord,
  idsOf,
  type Process,
  parseAside,
  parseEntry,
  parseProcess,
  parseRecord,
} from './ledger.ts';
import { countsOf, type PartStatus, partStatus } from './part-status.ts';
import { leaseMs } from './participant.ts';
import { replyWords } from './reply.ts';
import statusLua from './status.lua';

/** `shipping` while parts are to come, `announced` until everybody has them, then `freed`. */
export const fileStates = ['shipping', 'announced', 'freed'] as const;

export type FileStatus = {
  readonly name: string;
  readonly bytes: number;
  readonly shippedBytes: number;
  /** How many consumers have the whole file, of how many. */
  readonly done: number;
  readonly want: number;
  readonly state: (typeof fileStates)[number];
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

export type ChannelStatus = ChannelSummary & {
  readonly files: readonly FileStatus[];
  /** Files of this run that are not among `files`: where there are very many, a record is not kept of each. */
  readonly unlisted: number;
};

/** A summary with the parts there are now, for the console. */
export type ChannelView = ChannelSummary & {
  readonly parts: readonly PartStatus[];
  readonly partsInRedis: number;
  /** Of a ledger that was to be read whole, and is too large for that. */
  readonly partsUnread: number;
  readonly filesKnown: number;
  /** The server's clock. */
  readonly at: number;
};

const stalledAfterMs = leaseMs;
const partsLimit = 300;
/** Bytes of a setting, or of an entry with its name: ours are shorter, even with thousands of consumers. */
const longestEntry = 32_768;
/** Bytes of a file's record: it has all generations of a log. */
const longestRecord = 1_048_576;
/** Bytes of the parts that one look tells of. */
const mostBytes = 131_072;
const settingNames = ['run', 'closed', 'done', 'expect', 'budget', 'used', 'peak', 'files', 'bytes', 'parts'];

/** One channel and its files; undefined when nothing was ever shipped there. */
export async function status(redis: Client, channel: string): Promise<ChannelStatus | undefined> {
  const { found, faults } = await statuses(redis, [channel]);
  const [fault] = faults;
  if (fault) throw fault.error;
  return found[0];
}

/** A channel that cannot be read: a key of another type, rights that are missing. */
export type Fault = { readonly channel: string; readonly error: Error };

const channelsAtOnce = 100;

/** These channels, or all that are known; what is wrong with one hides no others. */
export async function statuses(redis: Client, names?: readonly string[]): Promise<Statuses> {
  const found: ChannelStatus[] = [];
  const faults: Fault[] = [];
  const known = names ? undefined : await listed(redis, 'ship');
  const all = names ?? known?.names ?? [];
  const allowance = new Allowance(mostOfAll);
  let left = all;
  while (left.length > 0 && !allowance.isSpent) {
    const looked = await lookAll(redis, left.slice(0, channelsAtOnce), { ledgers: allowance });
    left = [...looked.more, ...left.slice(channelsAtOnce)];
    faults.push(...looked.faults);
    const files = await filesOf(redis, looked.views, allowance);
    for (const view of looked.views) {
      const known = files.get(view.channel);
      if (known instanceof Error) faults.push({ channel: view.channel, error: known });
      else found.push(withFiles(view, known));
    }
  }
  const cuts = known ? [...namesCutTexts(known)] : [];
  if (left.length > 0) cuts.push(onlyText(all.length - left.length, all.length, 'channels', allowance.bytes));
  return { found, faults, cuts };
}

type Statuses = {
  readonly found: readonly ChannelStatus[];
  readonly faults: readonly Fault[];
  /** What is missing because there is too much of it, in sentences. */
  readonly cuts: readonly string[];
};

type Files = {
  readonly records: FileRecord[];
  leftOut: number;
  leftOutBytes: number;
  /** Whether there are more, which were not read. */
  isCut: boolean;
};

/** What is known of the files of some channels, or why that cannot be read. */
async function filesOf(
  redis: Client,
  views: readonly ChannelView[],
  all: Allowance,
): Promise<ReadonlyMap<string, Files | Error>> {
  const byKey = new Map<string, { readonly channel: string; readonly files: Files }>();
  const byChannel = new Map<string, Files | Error>();
  for (const { channel, filesKnown } of views) {
    if (filesKnown === 0) continue;
    const files: Files = { records: [], leftOut: 0, leftOutBytes: 0, isCut: false };
    byKey.set(channelKeys(redis, channel).files, { channel, files });
    byChannel.set(channel, files);
  }
  let left = Array.from(byKey.keys(), (key) => ({ key, cursor: '0' }));
  while (left.length > 0 && !all.isSpent) {
    const pages = await pagesOfHashes(redis, left, { longest: longestRecord });
    const rest: typeof left = [];
    for (const { key, page, next } of pages) {
      const known = byKey.get(key);
      if (!known) continue;
      const { channel, files } = known;
      if (page instanceof Error) {
        byChannel.set(channel, page);
        continue;
      }
      for (const [name, json] of page.entries) {
        all.takeBytes(name.length + json.length);
        const record = parseRecord(name, json);
        if (record) files.records.push(record);
      }
      files.leftOut += page.leftOut;
      files.leftOutBytes += page.leftOutBytes;
      if (next !== '0') rest.push({ key, cursor: next });
    }
    left = [...rest, ...left.slice(pages.length)];
  }
  for (const { key } of left) {
    const cut = byKey.get(key);
    if (cut) cut.files.isCut = true;
  }
  return byChannel;
}

function withFiles(view: ChannelView, known: Files | undefined): ChannelStatus {
  const missing = new Map<string, Set<string>>();
  for (const { file, missing: ids } of view.parts) {
    const all = missing.get(file) ?? new Set();
    for (const id of ids) all.add(id);
    missing.set(file, all);
  }
  const want = view.consumers.length;
  const files = new Map<string, FileStatus>();
  for (const { name, bytes, shipped, state } of known?.records ?? []) {
    if (state === 'rotated') continue;
    const owing = missing.get(name)?.size;
    const isWhole = state === 'shipped';
    // Its parts may be among those that were not read: whether everybody has it is not known.
    if (isWhole && owing === undefined && view.partsUnread > 0) continue;
    files.set(name, {
      name,
      bytes,
      shippedBytes: shipped,
      done: isWhole ? want - (owing ?? 0) : 0,
      want,
      state: !isWhole ? 'shipping' : owing === undefined ? 'freed' : 'announced',
    });
  }
  const shipped = [...files.values()].filter(({ state }) => state !== 'shipping');
  const { parts, partsInRedis: _, partsUnread, filesKnown, at: __, ...summary } = view;
  const cuts = [
    ...(known && known.leftOut > 0 ? [leftOutText(known.leftOut, known.leftOutBytes)] : []),
    ...(known?.isCut ? [onlyText(known.records.length, filesKnown, 'files', mostOfAll)] : []),
    ...(partsUnread > 0 ? [onlyText(parts.length, parts.length + partsUnread, 'parts', mostOfAll)] : []),
  ];
  return {
    ...summary,
    reason: sentence(summary.reason, ...cuts),
    files: [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    unlisted: Math.max(0, view.totals.files - shipped.length),
  };
}

function sentence(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('; ');
}

/**
 * One channel without its files, in one question; its ledger is read to the end where that has more parts than one
 * look tells of.
 * @throws {ChannelNameError | WrongTypeError}
 */
export async function look(redis: Client, channel: string): Promise<ChannelView | undefined> {
  const { views, faults } = await lookAll(redis, [channel], { ledgers: new Allowance(mostOfAll) });
  const [fault] = faults;
  if (fault) throw fault.error;
  return views[0];
}

/** The channels that are known, the last used first; no more than 8 MiB of names. */
export async function channels(redis: Client): Promise<string[]> {
  return [...(await registered(redis, 'ship'))];
}

/** What a look at some channels found; those on which nothing was ever shipped are not among them. */
export type Looks = {
  readonly views: readonly ChannelView[];
  readonly faults: readonly Fault[];
  /** Those that the reply had no room for. */
  readonly more: readonly string[];
};

/**
 * Some channels without their files, in one question, in Cluster in one for each; one more where consumers of the
 * legacy layout take part.
 * @param ledgers reads on where a ledger has more parts than one look tells of, as long as this is not spent
 */
export async function lookAll(
  redis: Client,
  names: readonly string[],
  { ledgers }: { readonly ledgers?: Allowance } = {},
): Promise<Looks> {
  const faults: Fault[] = [];
  const asked: Asked[] = [];
  for (const channel of names) {
    try {
      asked.push({ channel, keys: channelKeys(redis, channel) });
    } catch (error) {
      if (!(error instanceof ChannelNameError)) throw error;
      faults.push({ channel, error });
    }
  }
  const groups = isCluster(redis) ? asked.map((one) => [one]) : asked.length > 0 ? [asked] : [];
  const replies = (await Promise.all(groups.map((group) => ask(redis, group)))).flat();
  const found: Outlined[] = [];
  for (const [index, reply] of replies.entries()) {
    const one = asked[index];
    if (!one) continue;
    if (reply instanceof Error) faults.push({ channel: one.channel, error: reply });
    else found.push(...(outlined(one, reply) ?? []));
  }
  ledgers?.take(replies);
  if (ledgers) for (const one of found) await readLedger(redis, one, ledgers);
  const counts = await countsOf(redis, found);
  const views = found.flatMap((each) => {
    const view = ifReadable(
      () => viewOf(each, counts.get(each.channel) ?? new Map()),
      (error) => faults.push({ channel: each.channel, error }),
    );
    return view ? [view] : [];
  });
  return { views, faults, more: asked.slice(replies.length).map(({ channel }) => channel) };
}

type Asked = { readonly channel: string; readonly keys: ChannelKeys };

/** For each of the first of them, at least one, its reply or why there is none. */
async function ask(redis: Client, group: readonly Asked[]): Promise<readonly (readonly unknown[] | Error)[]> {
  const words = group.flatMap(({ keys }) => Object.keys(typesOf(keys)));
  let replies: readonly unknown[];
  try {
    replies = await statusScript(redis, words, [partsLimit, longestEntry, mostBytes, ...settingNames]);
  } catch (error) {
    // With several the script itself gives it in the place of the reply.
    if (group.length > 1 || refusalSort(error) !== 'lasting') throw error;
    replies = [error];
  }
  return await Promise.all(
    replies.map(async (reply, index) => {
      if (Array.isArray(reply)) return reply;
      const text = isReplyError(reply) ? reply.message : reply;
      if (text instanceof Error) return text;
      const one = group[index];
      const keys = one ? typesOf(one.keys) : {};
      return await failureOf(redis, { lua: statusLua, keys }, asText(text));
    }),
  );
}

/** In the order in which the script takes them. */
function typesOf(keys: ChannelKeys): KeyTypes {
  return {
    [keys.settings]: 'hash',
    [keys.parts]: 'hash',
    [keys.files]: 'hash',
    [keys.who]: 'hash',
    [keys.members]: 'zset',
    [keys.messages]: 'zset',
    [keys.aside]: 'hash',
  };
}

/** A reply, taken apart. */
type Outlined = Asked & {
  readonly reply: readonly unknown[];
  readonly settings: ReadonlyMap<string, string>;
  readonly who: ReadonlyMap<string, Process | undefined>;
  entries: readonly { readonly part: string; readonly entry: Entry }[];
  partsUnread: number;
};

/** Every part, where the look had some of them: a file of which no part is listed would count as delivered. */
async function readLedger(redis: Client, one: Outlined, allowance: Allowance): Promise<void> {
  const [, , , , , partsInRedis, , , , , , isWhole] = one.reply;
  if (one.entries.length >= Number(partsInRedis) || isWhole === 1) return;
  const entries = new Map<string, Entry>();
  let met = 0;
  for await (const page of hashPages(redis, one.keys.parts, { longest: longestEntry })) {
    met += page.entries.length + page.leftOut;
    for (const [part, json] of page.entries) {
      allowance.takeBytes(part.length + json.length);
      const entry = parseEntry(json);
      if (entry) entries.set(part, entry);
    }
    if (!page.isLast && allowance.isSpent) {
      one.partsUnread = Math.max(1, Number(partsInRedis) - met);
      break;
    }
  }
  one.entries = Array.from(entries, ([part, entry]) => ({ part, entry }));
}

/** Undefined for a channel on which nothing was ever shipped. */
function outlined(asked: Asked, reply: readonly unknown[]): [Outlined] | undefined {
  const [, settingWords, whoWords, , partWords] = reply;
  const settings = pairs(settingWords);
  if (!settings.has('run')) return;
  const who = new Map([...pairs(whoWords)].map(([field, json]) => [field, parseProcess(json)]));
  const entries = [...pairs(partWords)].flatMap(([part, json]) => {
    const entry = parseEntry(json);
    return entry ? [{ part, entry }] : [];
  });
  return [{ ...asked, reply, settings, who, entries, partsUnread: 0 }];
}

/** @throws {UnreadableReplyError} naming the key that holds a number which is none, or too large to be exact */
function viewOf(
  { channel, keys, reply, settings, who, entries, partsUnread }: Outlined,
  counts: ReadonlyMap<string, number>,
): ChannelView {
  const [at, , , members, , partsInRedis, filesKnown, asideWords, asides, leftOut, leftOutBytes] = reply;
  const now = Number(at);
  const cursors = new Map<string, number>();
  const behind = new Map<string, number>();
  for (const [id, cursor, count] of triples(members)) {
    cursors.set(id, cursor === 'inf' ? Number.POSITIVE_INFINITY : asInteger(cursor, keys.members));
    behind.set(id, Number(count));
  }
  const aside = asideByPart(pairs(asideWords));
  const parts = entries
    .map(({ part, entry }) => ({
      id: entry.id ?? Number.POSITIVE_INFINITY,
      ...partStatus(part, entry, { counts, cursors, aside: aside.get(part) ?? [] }),
    }))
    .sort((a, b) => a.id - b.id);
  const isSample = entries.length < Number(partsInRedis);
  const number = (name: string): number => {
    const text = settings.get(name);
    return text === undefined ? 0 : asCount(text, keys.settings);
  };

  const shippers = [...who].flatMap(([field, process]) =>
    field.startsWith('s:') && process ? [process] : [],
  );
  const live = shippers.filter(({ at = 0 }) => now - at <= leaseMs);
  const consumers = idsOf(settings.get('expect')).map((id) => {
    const owed = parts.filter(({ missing }) => missing.includes(id));
    // What was not listed is reported by the messages after its cursor.
    const lag = isSample ? Math.max(owed.length, behind.get(id) ?? 0) : owed.length;
    const late = owed.filter(({ aside: by }) => !by.includes(id));
    const firstOwed = Math.min(...late.map(({ announced }) => announced));
    const seen = who.get(`c:${id}`)?.at;
    const silentSince = Math.max(seen ?? 0, Number.isFinite(firstOwed) ? firstOwed : 0);
    const isStalled = late.length > 0 && now - silentSince > stalledAfterMs;
    const isSilent = now - (seen ?? 0) > stalledAfterMs;
    const seenMs = seen ?? null;
    const stalledMs = isStalled ? silentSince : null;
    // What it owes, and since when, may be among the parts that were not looked at.
    const isJudged = isStalled || !isSilent || !isSample;
    return {
      id,
      done: Math.max(0, number('parts') - lag),
      lag,
      aside: owed.length - late.length,
      seenMs,
      stalledMs,
      isJudged,
      condition: consumerCondition({ seenMs, stalledMs, isJudged }, now),
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
    reason: sentence(reason, unjudgedText(consumers, entries.length, Number(partsInRedis)), left),
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
    partsUnread,
    filesKnown: Number(filesKnown),
    at: now,
  };
}

function unjudgedText(consumers: readonly ConsumerStatus[], looked: number, all: number): string {
  const ids = consumers.filter(({ isJudged }) => !isJudged).map(({ id }) => id);
  if (ids.length === 0) return '';
  const who = `${ids.length === 1 ? 'consumer' : 'consumers'} ${ids.join(', ')}`;
  return `whether ${who} owes any part is not known: ${formatCount(looked)} of ${counted(all, 'part')} were looked at`;
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
