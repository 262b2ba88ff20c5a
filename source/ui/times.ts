import type { TimeStyle } from '../file-settings.ts';
import { formatAge, formatClock, formatClockSeconds } from './format.ts';

/**
 * How times are painted: one choice for every pane, as colours are. What commands print, and what goes into rooms, files
 * and the audit trail, does not follow it: whoever reads that does not see this console's header.
 */
let style: TimeStyle = 'local';
let nowMs = 0;
let version = 0;

/** What is painted from now on has its times like this; what was painted has to be painted again. */
export function setTimes(next: TimeStyle): void {
  if (next !== style) version += 1;
  style = next;
}

/** Ages are up to this moment, epoch ms. */
export function setMoment(ms: number): void {
  if (ms === nowMs) return;
  if (style === 'age') version += 1;
  nowMs = ms;
}

export function currentTimes(): TimeStyle {
  return style;
}

/** Another number means that what is cached may tell other times than are to be painted. */
export function timesVersion(): number {
  return version;
}

/** `15:53`, `4m ago`, `4m from now`. */
export function shownTime(atMs: number): string {
  return style === 'age' ? aged(atMs) : zonedClock(atMs);
}

/** `15:53`, `4m`: where there is no room for more, of what was. */
export function shownBriefly(atMs: number): string {
  return style === 'age' ? formatAge(nowMs - atMs) : zonedClock(atMs);
}

/** `at 15:53`, `4m ago`. */
export function shownAt(atMs: number): string {
  return style === 'age' ? aged(atMs) : `at ${zonedClock(atMs)}`;
}

/** `15:53:07`, and as broad `      4m`: a column of its own. */
export function shownSecondsCell(atMs: number): string {
  return style === 'age' ? formatAge(nowMs - atMs).padStart(8) : zonedClockSeconds(atMs);
}

/** `18 Nov`, `2d ago`. */
export function shownDay(atMs: number): string {
  return style === 'age' ? aged(atMs) : zonedDay(atMs);
}

/** `18 Nov 15:53`, `2d ago`. */
export function shownDayTime(atMs: number): string {
  return style === 'age' ? aged(atMs) : `${zonedDay(atMs)} ${zonedClock(atMs)}`;
}

/** `15:53`, of the zone in use. */
export function zonedClock(atMs: number): string {
  return style === 'utc' ? utcClock(atMs).slice(0, 5) : formatClock(atMs);
}

/** `15:53:07`, of the zone in use. */
export function zonedClockSeconds(atMs: number): string {
  return style === 'utc' ? utcClock(atMs) : formatClockSeconds(atMs);
}

/** The day there, as `Date` counts: its year, month from 0, day, and day of the week from Sunday, 0. */
export function zonedDate(
  atMs: number,
): readonly [year: number, month: number, day: number, weekday: number] {
  const at = new Date(atMs);
  return style === 'utc'
    ? [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCDay()]
    : [at.getFullYear(), at.getMonth(), at.getDate(), at.getDay()];
}

export const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
] as const;

function zonedDay(atMs: number): string {
  const [, month, day] = zonedDate(atMs);
  return `${day} ${monthNames[month]}`;
}

/** `UTC`, `UTC+1`, `UTC-3:30`: the zone in use, as it was or will be at that moment. */
export function zoneName(atMs: number): string {
  const minutes = style === 'utc' ? 0 : -new Date(atMs).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? '-' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`;
}

function utcClock(atMs: number): string {
  const at = new Date(atMs);
  const parts = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function aged(atMs: number): string {
  const ms = nowMs - atMs;
  if (ms <= -1000) return `${formatAge(-ms)} from now`;
  const age = formatAge(ms);
  return age === 'now' ? age : `${age} ago`;
}
