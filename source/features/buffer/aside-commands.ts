import { UsageError, WrongTypeError } from '../../errors.ts';
import { Allowance, mostOfAll, mostOfOne } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { counted, formatClock } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { name } from '../../values.ts';
import {
  defineCommand,
  list,
  named,
  optionalWord,
  switchFlag,
  type Text,
  type Undo,
  word,
} from '../feature.ts';
import { increment } from './buffer.ts';
import { NotAsideError } from './errors.ts';
import {
  type Aside,
  asideOf,
  type Dropped,
  dropAllAside,
  dropAside,
  retryAside,
  type WhichAside,
} from './flush/aside.ts';
import { dropGuard } from './guards.ts';
import { allTypes, assertKnown } from './known-names.ts';
import { pendingOf } from './pending.ts';
import * as printed from './printed.ts';
import { byId } from './sql/target.ts';
import { signed } from './status-text.ts';

const aside = defineCommand({
  verb: 'aside',
  summary: 'what is set aside: each id with its count and the reason',
  words: { type: named(optionalWord('TYPE', 'only this type', name), 'buffer') },
  prints: printed.aside,
  writes: false,
  examples: ['quarterdeck buffer aside project'],
  async run({ redis, warn }, { type }) {
    const types = type === undefined ? await allTypes(redis, [], warn) : [type];
    if (type !== undefined) await assertKnown(redis, await pendingOf(redis, type));
    const rows: Aside[] = [];
    const allowance = new Allowance(mostOfAll);
    for (const each of types) {
      try {
        const { rows: found, cuts } = await asideOf(redis, each, allowance);
        for (const cut of cuts) warn(cut);
        for (const row of found) rows.push(row);
      } catch (error) {
        if (type !== undefined || !(error instanceof WrongTypeError)) throw error;
        warn(error.message);
      }
    }
    rows.sort((one, other) => one.type.localeCompare(other.type) || byId(one, other));
    return { json: rows.map(asideJson), text: asideText(rows) };
  },
});

const retry = defineCommand({
  verb: 'retry',
  summary: 'let the next flush try again what SQL refused',
  words: {
    type: named(word('TYPE', 'the type', name), 'buffer'),
    ids: list('ID', 'as `buffer aside` lists them', name, { min: 0 }),
  },
  flags: { all: switchFlag('everything that is aside') },
  prints: printed.retried,
  writes: true,
  examples: ['quarterdeck buffer retry project 42', 'quarterdeck buffer retry project --all'],
  final: 'the next flush tries them; what SQL refuses is set aside again',
  async run({ redis }, { type, ids, all }) {
    if (all === ids.length > 0)
      throw new UsageError('Expected ids to try again, or --all', {
        hint: 'Usage: quarterdeck buffer retry TYPE ID... | --all',
      });
    await assertKnown(redis, await pendingOf(redis, type));
    const { retried, unknown } = await retryAside(redis, type, all ? 'all' : ids);
    if (unknown.length > 0 && retried === 0) throw new NotAsideError(type, unknown);
    return {
      json: { type, retried, unknown },
      text: [
        `${type}: the next flush tries ${counted(retried, 'id')} again`,
        ...unknown.map((id) => `\`${id}\` is not aside`),
      ],
    };
  },
});

const drop = defineCommand({
  verb: 'drop',
  summary: 'forget counts that are set aside',
  words: {
    type: named(word('TYPE', 'the type', name), 'buffer'),
    ids: list('ID', 'as `buffer aside` lists them', name, { min: 0 }),
  },
  flags: {
    all: switchFlag('everything that is aside'),
    tooLong: switchFlag('ids that no flush reads (ID_LENGTH), and nobody can type'),
  },
  prints: printed.dropped,
  writes: true,
  guard: dropGuard,
  examples: ['quarterdeck buffer drop project undefined --yes', 'quarterdeck buffer drop project --too-long'],
  async run({ redis, warn }, { type, ids, all, tooLong }) {
    if ([all, tooLong, ids.length > 0].filter(Boolean).length !== 1)
      throw new UsageError('Expected ids to forget, --all, or --too-long', {
        hint: 'Usage: quarterdeck buffer drop TYPE ID... | --all | --too-long',
      });
    await assertKnown(redis, await pendingOf(redis, type));
    if (all || tooLong) return await dropAll(redis, type, all ? 'all' : 'too long', warn);
    const { dropped, unknown } = await dropAside(redis, type, ids);
    if (dropped.length === 0) throw new NotAsideError(type, unknown);
    return {
      ...undoOfDrop(type, dropped),
      json: { type, dropped, unknown },
      text: [
        ...dropped.map(({ id, count }) => `${type}: forgot ${signed(count)} of \`${id}\``),
        ...unknown.map((id) => `\`${id}\` is not aside`),
      ],
    };
  },
});

/** Names of what was dropped as much as a listing does; all of it is counted. */
async function dropAll(redis: Client, type: string, which: WhichAside, warn: (text: string) => void) {
  const named: Dropped[] = [];
  const allowance = new Allowance(mostOfOne);
  let [ids, total] = [0, 0];
  for await (const page of dropAllAside(redis, type, which)) {
    for (const each of page) {
      ids += 1;
      total += each.count;
      if (allowance.isSpent) continue;
      named.push(each);
      allowance.takeBytes(each.id.length + 64);
    }
  }
  if (ids > named.length)
    warn(
      `${counted(ids - named.length, 'id')} of ${type} that were forgotten are not named: there are too many`,
    );
  // An id of which only the beginning is known cannot be counted again.
  const isWhole = named.length === ids && ids > 0 && !named.some(({ isCut }) => isCut);
  return {
    ...(isWhole ? undoOfDrop(type, named) : {}),
    json: { type, dropped: named.map(({ id, count }) => ({ id, count })), unknown: [] },
    text: `${type}: forgot ${signed(total)} of ${counted(ids, 'id')}`,
  };
}

/** They are counted again, and the next flush tries them; counts that never grew by an increment cannot be. */
function undoOfDrop(type: string, dropped: readonly { readonly id: string; readonly count: number }[]) {
  if (dropped.some(({ count }) => !Number.isSafeInteger(count) || count < 1)) return {};
  const total = signed(dropped.reduce((sum, { count }) => sum + count, 0));
  const what = `${total} of ${counted(dropped.length, 'id')}`;
  const undo: Undo = {
    effect: `${what} waits in ${type} again, and the next flush tries it`,
    async run({ redis }) {
      await increment(
        redis,
        type,
        dropped.map(({ id, count }) => [id, count] as const),
      );
      return `${type}: ${what} waits again`;
    },
  };
  return { undo };
}

function asideJson({ type, id, count, code, reason, sinceMs, tries, nextRetryMs }: Aside) {
  return {
    type,
    id,
    count,
    code: code ?? null,
    reason: reason ?? null,
    sinceMs: sinceMs ?? null,
    tries,
    nextRetryMs: nextRetryMs ?? null,
  };
}

function asideText(rows: readonly Aside[]): Text {
  if (rows.length === 0) return 'Nothing is set aside';
  return textTable(
    rows.map(({ type, id, count, code = '', reason = 'not known', tries, nextRetryMs }) => [
      type,
      id,
      signed(count),
      code,
      reason,
      `${counted(tries, 'try').replace('trys', 'tries')}, ${nextRetryMs === undefined || nextRetryMs === 0 ? 'again with the next flush' : `again at ${formatClock(nextRetryMs)}`}`,
    ]),
    { right: [2] },
  );
}

export const asideCommands = [aside, retry, drop];
