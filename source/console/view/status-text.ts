import { staleAfterMs } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { Freshness, Past, State } from '../../store/store.ts';
import { formatAge, formatDuration } from '../../ui/format.ts';
import type { Tone } from '../../ui/row.tsx';
import { currentTimes, zonedClockSeconds, zonedDate } from '../../ui/times.ts';

/** `● live`, `✗ no answer for 5s`, `✗ lost 12s, retry in 4s`, `○ connecting, retry in 1s`. */
export function connectionWords(connection: State['connection'], nowMs: number): string {
  if (connection.name === 'live') {
    const { silentSinceMs } = connection;
    return silentSinceMs === undefined ? '● live' : `✗ no answer for ${wholeSeconds(nowMs - silentSinceMs)}`;
  }
  const forMs = nowMs - connection.sinceMs;
  const waitMs = (connection.nextRetryAtMs ?? 0) - nowMs;
  const retry = waitMs >= 500 ? `, retry in ${Math.round(waitMs / 1000)}s` : ', retrying';
  const since = forMs >= 1000 ? ` ${wholeSeconds(forMs)}` : '';
  return connection.name === 'lost' ? `✗ lost${since}${retry}` : `○ connecting${since}${retry}`;
}

/** `FROZEN at 15:02:11, 1m47s ago`, `REPLAY at 15:02:11, 10x`, `REPLAY at 15:02:11, paused`. */
export function pastWords({ kind, atMs, nowMs, speed }: Past): string {
  const zone = currentTimes() === 'utc' ? ' UTC' : '';
  if (kind === 'frozen') {
    return `FROZEN at ${zonedClockSeconds(atMs)}${zone}, ${wholeSeconds(nowMs - atMs)} ago`;
  }
  const [year, month, day] = zonedDate(atMs);
  const date = [year, month + 1, day].map((part) => String(part).padStart(2, '0')).join('-');
  return `REPLAY at ${date} ${zonedClockSeconds(atMs)}${zone}, ${speed === undefined ? 'paused' : `${speed}x`}`;
}

/** How often the clock of the screen ticks while something on it is moved by it; what comes late is in time. */
export const tickMs = 1000;

export type Note = { readonly text: string; readonly tone: Tone };

/**
 * The same of a pane among several servers: `shard 0` where the feature lives on the first alone. One that
 * spreads goes on with the others while the first is away, and says itself which of them are missing.
 */
export function paneNote(
  state: Pick<State, 'freshness' | 'connection' | 'screen'> & Partial<Pick<State, 'past'>>,
  feature: Pick<AnyFeature, 'noun' | 'spreads'>,
): Note {
  const { text, tone } = noteOf(state, feature);
  if (!state.past) return { text, tone };
  // Of another moment nothing is live; what was wrong with it then still is.
  return text === 'live' ? { text: 'then', tone: 'warn' } : { text: `then ${text}`, tone };
}

function noteOf(
  { freshness, connection, screen }: Pick<State, 'freshness' | 'connection' | 'screen'>,
  { noun, spreads = false }: Pick<AnyFeature, 'noun' | 'spreads'>,
): Note {
  if ((connection.servers ?? 1) < 2) return freshnessNote(freshness[noun], connection, screen.nowMs);
  if (spreads) return freshnessNote(freshness[noun], answering(connection), screen.nowMs);
  const { text, tone } = freshnessNote(freshness[noun], connection, screen.nowMs);
  return { text: text === 'live' ? 'shard 0' : `shard 0 ${text}`, tone };
}

/** What stands in the corner of a frame: `waiting`, `live`, `stale 12s`, `failed`. */
export function freshnessNote(
  freshness: Freshness | undefined,
  connection: State['connection'],
  nowMs: number,
): Note {
  const isCut = !isAnswering(connection);
  if (!freshness || freshness.name === 'waiting') {
    return { text: 'waiting', tone: 'muted' };
  }
  const age = wholeSeconds(nowMs - (freshness.learnedAtMs ?? nowMs));
  if (freshness.name === 'failed') {
    return freshness.learnedAtMs === undefined || isCut
      ? { text: 'failed', tone: 'bad' }
      : { text: `failed, ${age} old`, tone: 'bad' };
  }
  if (isCut || freshness.name === 'stale') return { text: `stale ${age}`, tone: 'warn' };
  return { text: 'live', tone: 'muted' };
}

/** Whether Redis answers, as far as anybody knows. */
export function isAnswering({ name, silentSinceMs }: State['connection']): boolean {
  return name === 'live' && silentSinceMs === undefined;
}

/** The connection as it matters to what goes on without the first server. */
function answering({ silentSinceMs: _, ...connection }: State['connection']): State['connection'] {
  return { ...connection, name: 'live' };
}

/** Whether what the pane shows is no longer known to be so. */
export function isOldPane(
  { freshness, connection }: Pick<State, 'freshness' | 'connection'>,
  { noun, spreads = false }: Pick<AnyFeature, 'noun' | 'spreads'>,
): boolean {
  const { name = 'waiting' } = freshness[noun] ?? {};
  if (name === 'waiting') return false;
  const goesOn = spreads && (connection.servers ?? 1) > 1;
  return name !== 'fresh' || (!goesOn && !isAnswering(connection));
}

/**
 * The moment a pane is painted for: now, as long as what it shows can be called fresh; then it stands still at the
 * moment up to which that was so.
 */
export function paneNow(
  { freshness, connection, screen }: Pick<State, 'freshness' | 'connection' | 'screen'>,
  { noun, feed, spreads = false }: Pick<AnyFeature, 'noun' | 'feed' | 'spreads'>,
): number {
  const { learnedAtMs = screen.nowMs, name } = freshness[noun] ?? { name: 'waiting' };
  // While the clock ticks all panes go by it, and move together; without it, what was read is shown as of then.
  const isTicking = Math.abs(learnedAtMs - screen.nowMs) <= tickMs;
  const nowMs = isTicking ? screen.nowMs : Math.max(screen.nowMs, learnedAtMs);
  if (name === 'failed') return learnedAtMs;
  const goesOn = spreads && (connection.servers ?? 1) > 1;
  if (!goesOn && !isAnswering(connection)) {
    return Math.max(learnedAtMs, Math.min(nowMs, connection.silentSinceMs ?? connection.sinceMs));
  }
  return Math.min(nowMs, learnedAtMs + staleAfterMs(feed));
}

/** Whether something on screen is moved by the clock. */
export function isAgeing(
  { connection, freshness, slices, screen, past }: State,
  features: readonly Pick<AnyFeature, 'noun' | 'ticks'>[],
): boolean {
  if (past) return past.kind === 'frozen';
  if (!isAnswering(connection) || screen.mode.name === 'needs') return true;
  if (Object.values(freshness).some(({ name }) => name === 'stale' || name === 'failed')) return true;
  if (currentTimes() === 'age') return true;
  return features.some(({ noun, ticks }) => ticks?.(slices[noun]) === true);
}

function wholeSeconds(ms: number): string {
  return ms < 60_000 ? formatAge(Math.max(1000, ms)) : formatDuration(ms);
}
