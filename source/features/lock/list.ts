import { formatDuration } from '../../ui/format.ts';
import { padEnd, padStart, sanitise, width } from '../../ui/text.ts';
import type { LockFigures } from './inspect.ts';
import { place } from './token.ts';

/** A lock as `lock list --json` and the snapshot tell of it. */
export function lockJson({ name, token, owner, fence, heldMs, ttlMs, waiters }: LockFigures) {
  return {
    name,
    owner: owner
      ? { host: owner.host, pid: owner.pid, label: owner.label }
      : { host: null, pid: null, label: token === '' ? null : '(foreign)' },
    isHeld: token !== '',
    isForeign: token !== '' && !owner,
    fence: fence ?? null,
    heldMs: heldMs ?? null,
    ttlMs: ttlMs ?? null,
    waiters: waiters.map(({ host, pid, label, waitedMs }) => ({ host, pid, label, waitedMs })),
  };
}

/** Aligned columns, one lock a line, and who is next below it. */
export function lockTable(locks: readonly LockFigures[]): string {
  if (locks.length === 0) return 'No lock is held';
  const rows = locks.map((lock) => [
    lock.name,
    place(lock.token),
    lock.heldMs === undefined ? '–' : formatDuration(lock.heldMs),
    lock.token === '' ? 'free' : lock.ttlMs === undefined ? 'no TTL' : formatDuration(lock.ttlMs),
    String(lock.waiting),
    lock.fence === undefined ? '–' : String(lock.fence),
    [lock.owner?.label ?? '', nextOf(lock)].filter(Boolean).join('; '),
  ]);
  const headings = ['NAME', 'OWNER', 'HELD', 'LEFT', 'QUEUE', 'FENCE', 'LABEL'];
  const table = [headings, ...rows].map((row) => row.map(sanitise));
  const widths = headings.map((_, column) => Math.max(...table.map((row) => width(row[column] ?? ''))));
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 || column === 6
            ? padEnd(cell, widths[column] ?? 0)
            : padStart(cell, widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function nextOf({ waiters: [next] }: LockFigures): string {
  return next ? `next ${next.host}:${next.pid}, waiting ${formatDuration(next.waitedMs)}` : '';
}
