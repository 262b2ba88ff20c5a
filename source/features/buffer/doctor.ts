import type { Client } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { nameInKey } from '../../redis/keys.ts';
import { register, registeredAmong } from '../../redis/registry.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatDuration } from '../../ui/format.ts';
import type { Doctor, Finding } from '../feature.ts';
import { examineCounts } from './damaged-counts.ts';
import { type Aside, asidePages } from './flush/aside.ts';
import { bufferKeys, isOwnType } from './keys.ts';
import { glance, type Pending } from './pending.ts';
import { type BufferState, rowOf, stateOf } from './state.ts';
import { signed } from './status-text.ts';

const prefix = 'pending:';
const besides = /:(?:inflight|batch|status|aside)$/;
/** Counts that do not get to SQL, and counts that never will. */
export const doctor: Doctor = {
  kindOf: keyKinds({
    'pending:*:inflight': 'zset',
    'pending:*:batch': 'hash',
    'pending:*:oldest': 'string',
    'pending:*:settled': 'zset',
    'pending:*:status': 'hash',
    'pending:*:aside:why': 'hash',
    'pending:*:aside:due': 'zset',
    'pending:*:aside': 'zset',
    'pending:*:seq:?': 'string',
    'pending:*': 'zset',
  }),
  claims: (key) => key.startsWith(prefix) && isOwnType(typeIn(key)),
  async examine(redis, keys) {
    const written = [...new Set(keys.map(typeIn))];
    const types = written.flatMap((name) => nameInKey(redis, name) ?? []);
    const listed = await registeredAmong(redis, 'buffer', types);
    const findings = await Promise.all(
      written.map(async (name) => {
        const type = nameInKey(redis, name);
        return type === undefined ? [untagged(name)] : await examineType(redis, type, listed.has(type));
      }),
    );
    return findings.flat();
  },
};

/** As it stands in the key. */
function typeIn(key: string): string {
  return key.slice(prefix.length).replace(besides, '');
}

async function examineType(redis: Client, type: string, isListed: boolean): Promise<Finding[]> {
  const { pending: key, inflight, aside } = bufferKeys(redis, type);
  const [found] = await glance(redis, [type]);
  if (!found) return [];
  if ('error' in found) {
    const fix = 'Rename it, or call the buffer something else';
    return [{ code: 'WRONG_TYPE', severity: 'error', key, message: found.error, fix }];
  }
  const findings: Finding[] = [];
  if (found.aside.ids > 0) findings.push(await asideFinding(redis, found, aside));
  if (found.ids === 0 && found.inflight.ids === 0 && found.inflight.batch === undefined) return findings;
  const { claimedMs = found.nowMs, hasTarget } = found.inflight;
  const heldMs = found.nowMs - claimedMs;
  const row = rowOf(found, undefined, found.nowMs);
  const state = stateOf(row, found.nowMs);
  findings.push(...failureOf(found, state, key), ...lateness(found, state, key));
  if (row.inflight?.isStuck) {
    findings.push({
      code: 'BATCH_STUCK',
      severity: 'error',
      key: inflight,
      message: `A flush took ${counted(found.inflight.ids, 'id')} ${formatDuration(heldMs)} ago and never finished: they and everything behind them are not in SQL`,
      fix: `${flushCommand(found)} goes on with this very batch, each count once${hasTarget ? '; to the database it was begun with' : ''}`,
    });
  }
  if (found.inflight.batch === undefined && found.inflight.ids > 0) {
    findings.push({
      code: 'INFLIGHT_WITHOUT_BATCH',
      severity: 'warning',
      key: inflight,
      message: `Where a batch lies there is ${counted(found.inflight.ids, 'id')}, and no batch is under way: nobody knows whether SQL has them`,
      fix: `If it has not, ${flushCommand(found)} takes them along; else: redis-cli DEL ${shellWord(inflight)}`,
    });
  }
  if (!isListed) {
    const isForeign = found.oldestMs === undefined;
    findings.push({
      code: 'BUFFER_NOT_LISTED',
      severity: 'warning',
      key,
      message: isForeign
        ? 'Only other programs count into it, and the console does not show it; a flush that reads it and removes nothing adds all of it to SQL again each time'
        : 'It is not in the index of buffers: the console and `buffer pending` do not show it',
      fix: isForeign
        ? `--fix puts it there; once that flush is stopped, ${flushCommand(found)} writes each count once`
        : '--fix puts it there; so does the next use of it',
      repair: () => register(redis, 'buffer', type, { isNew: true }),
    });
  }
  findings.push(...(await examineCounts(redis, key, found.oldestMs === undefined)));
  return findings;
}

/** Counts that are safe, and not where they belong. */
async function asideFinding(redis: Client, { type, aside }: Pending, key: string): Promise<Finding> {
  const page: readonly Aside[] = (await asidePages(redis, type).next()).value ?? [];
  const [first] = page;
  const such = first ? `, such as \`${first.id}\`: ${first.reason ?? 'for a reason that is not known'}` : '';
  const command = `quarterdeck buffer drop ${shellWord(type)}`;
  const tooLong = page.some(({ code }) => code === 'ID_LENGTH')
    ? `; ids too long to be read: ${command} --too-long`
    : '';
  return {
    code: 'SET_ASIDE',
    severity: 'warning',
    key,
    message: `Set aside: ${counted(aside.ids, 'id')} of ${type} (${signed(aside.total)})${such}`,
    fix: `Mend the table, then quarterdeck buffer retry ${shellWord(type)} --all; or ${command} ID${tooLong}`,
  };
}

function failureOf({ type, status, nowMs }: Pending, state: BufferState, key: string): readonly Finding[] {
  const failure = status?.failure;
  if (!failure) return [];
  const { attempts, message, sinceMs } = failure;
  const times = attempts === 1 ? 'once' : `${attempts} times on end`;
  return [
    {
      code: 'FLUSH_FAILING',
      severity: 'error',
      key,
      message: `Flushing ${type} failed ${times}, first ${formatDuration(Math.max(0, nowMs - sinceMs))} ago: ${message}`,
      fix:
        state === 'retrying'
          ? 'Mend what it names: its flusher tries again by itself'
          : 'Mend what it names, then flush again: nobody tries by itself',
    },
  ];
}

function lateness(found: Pending, state: BufferState, key: string): readonly Finding[] {
  const { nowMs, oldestMs = nowMs, ids, status } = found;
  const flusher = status?.flusher;
  if (state === 'silent' && flusher) {
    const message = `Its flusher was last seen ${formatDuration(nowMs - flusher.seenMs)} ago; waiting: ${counted(ids, 'id')}`;
    const fix = `Start it again: ${flushCommand(found)} --every ${flusher.everyMs}ms`;
    return [{ code: 'FLUSHER_GONE', severity: 'error', key, message, fix }];
  }
  if (state !== 'old') return [];
  const message = `Nobody flushes it: ${counted(ids, 'id')}, the oldest waiting for ${formatDuration(nowMs - oldestMs)}`;
  return [
    { code: 'NOT_FLUSHED', severity: 'warning', key, message, fix: `${flushCommand(found)} [--every 10s]` },
  ];
}

/** Without the target that Redis remembers: anybody may have written it, and a fix is there to be copied. */
function flushCommand({ type }: Pending): string {
  return `quarterdeck buffer flush ${shellWord(type)} --to TARGET`;
}

function untagged(name: string): Finding {
  return {
    code: 'NO_HASH_TAG',
    severity: 'warning',
    key: prefix + name,
    message: 'In Cluster a buffer is kept under a hash tag: no flush of ours finds these counts',
    fix: `Let that program count into ${prefix}{${name}}`,
  };
}
