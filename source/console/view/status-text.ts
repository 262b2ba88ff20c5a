import type { AnyFeature } from '../../features/index.ts';
import type { Freshness, State } from '../../store/store.ts';
import { formatAge, formatDuration } from '../../ui/format.ts';
import type { Tone } from '../../ui/row.tsx';

/** `● live`, `✗ lost 12s, retry in 4s`, `○ connecting, retry in 1s`. */
export function connectionWords(connection: State['connection'], nowMs: number): string {
  if (connection.name === 'live') return '● live';
  const forMs = nowMs - connection.sinceMs;
  const waitMs = (connection.nextRetryAtMs ?? 0) - nowMs;
  const retry = waitMs >= 500 ? `, retry in ${Math.round(waitMs / 1000)}s` : ', retrying';
  const since = forMs >= 1000 ? ` ${wholeSeconds(forMs)}` : '';
  return connection.name === 'lost' ? `✗ lost${since}${retry}` : `○ connecting${since}${retry}`;
}

export type Note = { readonly text: string; readonly tone: Tone };

/**
 * The same of a pane among several servers: `shard 0 live` where the feature lives on the first alone. One that
 * spreads goes on with the others while the first is away, and says itself which of them are missing.
 */
export function paneNote(
  { freshness, connection, screen }: Pick<State, 'freshness' | 'connection' | 'screen'>,
  { noun, spreads = false }: Pick<AnyFeature, 'noun' | 'spreads'>,
): Note {
  if ((connection.servers ?? 1) < 2) return freshnessNote(freshness[noun], connection, screen.nowMs);
  if (spreads) return freshnessNote(freshness[noun], { ...connection, name: 'live' }, screen.nowMs);
  const { text, tone } = freshnessNote(freshness[noun], connection, screen.nowMs);
  return { text: `shard 0 ${text}`, tone };
}

/** What stands in the corner of a frame: `waiting`, `live`, `stale 12s`, `failed`. */
export function freshnessNote(
  freshness: Freshness | undefined,
  connection: State['connection'],
  nowMs: number,
): Note {
  const isCut = connection.name !== 'live';
  if (!freshness || freshness.name === 'waiting') {
    return { text: 'waiting', tone: 'dim' };
  }
  const age = wholeSeconds(nowMs - (freshness.learnedAtMs ?? nowMs));
  if (freshness.name === 'failed') {
    return freshness.learnedAtMs === undefined || isCut
      ? { text: 'failed', tone: 'bad' }
      : { text: `failed, ${age} old`, tone: 'bad' };
  }
  if (isCut || freshness.name === 'stale') return { text: `stale ${age}`, tone: 'warn' };
  return { text: 'live', tone: 'dim' };
}

/** Whether something on screen grows older by the second. */
export function isAgeing({ connection, freshness }: State): boolean {
  if (connection.name !== 'live') return true;
  return Object.values(freshness).some(({ name }) => name === 'stale' || name === 'failed');
}

function wholeSeconds(ms: number): string {
  return ms < 60_000 ? formatAge(Math.max(1000, ms)) : formatDuration(ms);
}
