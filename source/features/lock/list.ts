import { formatDuration } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import type { Text } from '../feature.ts';
import { type Condition, conditionOf } from './condition.ts';
import type { Status } from './inspect.ts';
import { place } from './token.ts';

function conditionIn({ token, ttlMs, waiting }: Status): Condition {
  return conditionOf({ isHeld: token !== undefined, isEndless: ttlMs === undefined, waiting });
}

/** A lock as `lock list --json` and the snapshot tell of it. */
export function lockJson(lock: Status) {
  const { name, token, owner, fence, heldMs, ttlMs, waiting, waiters } = lock;
  return {
    name,
    owner: owner
      ? { host: owner.host, pid: owner.pid, label: owner.label }
      : { host: null, pid: null, label: token === undefined ? null : '(foreign)' },
    isHeld: token !== undefined,
    isForeign: token !== undefined && !owner,
    fence: fence ?? null,
    heldMs: heldMs ?? null,
    ttlMs: ttlMs ?? null,
    condition: conditionIn(lock),
    waiters: waiters.map(({ host, pid, label, waitedMs }) => ({ host, pid, label, waitedMs })),
    // Only where those above are not all.
    ...(waiters.length < waiting && { waiting }),
  };
}

/** One lock a line, with who is next. */
export function lockTable(locks: readonly Status[]): Text {
  if (locks.length === 0) return 'No lock is held';
  const rows = locks.map((lock) => [
    lock.name,
    place(lock.token),
    lock.heldMs === undefined ? '–' : formatDuration(lock.heldMs),
    lock.token === undefined || lock.ttlMs === undefined ? conditionIn(lock) : formatDuration(lock.ttlMs),
    String(lock.waiting),
    lock.fence === undefined ? '–' : String(lock.fence),
    [lock.owner?.label ?? '', nextOf(lock)].filter(Boolean).join('; '),
  ]);
  const headings = ['NAME', 'OWNER', 'HELD', 'LEFT', 'QUEUE', 'FENCE', 'LABEL'];
  return textTable([headings, ...rows], { right: [2, 3, 4, 5] });
}

function nextOf({ waiters: [next] }: Status): string {
  return next ? `next ${next.host}:${next.pid}, waiting ${formatDuration(next.waitedMs)}` : '';
}
