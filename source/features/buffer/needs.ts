import { type Need, othersNeed } from '../../need.ts';
import { counted, formatAge } from '../../ui/format.ts';
import { type BufferRow, type BufferSlice, type BufferState, severities, stateOf } from './state.ts';

export function needsOf({ types, moreTroubled }: BufferSlice, nowMs: number): readonly Need[] {
  const found = types.flatMap((row) => needsOfRow(row, nowMs));
  return moreTroubled > 0 ? [...found, othersNeed(moreTroubled, 'other buffers')] : found;
}

function needsOfRow(row: BufferRow, nowMs: number): readonly Need[] {
  const state = stateOf(row, nowMs);
  const severity = severities[state];
  const { type, ids, aside, failure, flusher, oldestAtMs } = row;
  const found: Need[] = [];
  if (severity !== undefined && state !== 'aside') {
    found.push({
      kind: state,
      name: type,
      row: type,
      severity,
      words: wordsOf(row, state, nowMs),
      figure: ids,
      sinceMs: failure?.sinceMs ?? (state === 'silent' ? flusher?.seenMs : oldestAtMs),
    });
  }
  if (aside) {
    const words = `${counted(aside.ids, 'id')} set aside: \`buffer aside\` says why`;
    found.push({ kind: 'aside', name: type, row: type, severity: 'warn', words, figure: aside.ids });
  }
  return found;
}

function wordsOf(
  { ids, error, failure, oldestAtMs, inflight }: BufferRow,
  state: BufferState,
  nowMs: number,
): string {
  if (state === 'foreign') return `FOREIGN: ${error}`;
  if (state === 'silent') return `FLUSHER SILENT, ${counted(ids, 'id')}`;
  if (state === 'stuck')
    return `STUCK, ${counted(inflight?.ids ?? 0, 'id')}: a flush took them and never finished`;
  if (state === 'old') return `OLD, ${formatAge(nowMs - (oldestAtMs ?? nowMs))}: nobody flushes`;
  return `${state === 'failed' ? 'FAILED' : 'RETRYING'}, ${counted(ids, 'id')}: ${failure?.message ?? ''}`;
}
