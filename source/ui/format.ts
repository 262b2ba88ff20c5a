/** Figures as they are painted: short, aligned by the eye, the same everywhere. */

/** `0B`, `512B`, `4.0M`, `60.2M`, `64M`, `212M`, `1.0G`: powers of 1024, at most five characters. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'K', 'M', 'G', 'T', 'P']);
}

/** Behind what was read of a longer text: `… (12.4M, cut)`. @param bytes how long it is where it lies */
export function cutMark(bytes: number): string {
  return `… (${formatBytes(bytes)}, cut)`;
}

/** Of what was left out of a reply: `2 entries too large to be read (12.4M, cut)`. */
export function leftOutText(count: number, bytes: number): string {
  return `${formatCount(count)} ${count === 1 ? 'entry' : 'entries'} too large to be read (${formatBytes(bytes)}, cut)`;
}

/** Of what was read as far as is bearable: `Only 4,100 of 200,000 waiters of `big` were read (8.0M, cut)`. */
export function onlyText(read: number, total: number, what: string, bytes: number): string {
  return `Only ${formatCount(read)} of ${formatCount(total)} ${what} were read (${formatBytes(bytes)}, cut)`;
}

/** What the names of an index lack, a sentence each. */
export function namesCutTexts({
  index,
  names,
  bytes,
  unread,
  leftOut,
  leftOutBytes,
}: {
  readonly index: string;
  readonly names: readonly string[];
  readonly bytes: number;
  readonly unread: number;
  readonly leftOut: number;
  readonly leftOutBytes: number;
}): readonly string[] {
  const long = leftOut === 1 ? 'entry is longer than a name' : 'entries are longer than names';
  return [
    ...(unread > 0 ? [onlyText(names.length, names.length + unread, `names in \`${index}\``, bytes)] : []),
    ...(leftOut > 0
      ? [
          `${formatCount(leftOut)} ${long} can be in \`${index}\`, and not listed (${formatBytes(leftOutBytes)}, cut)`,
        ]
      : []),
  ];
}

/** `8,412`: every digit, grouped. */
export function formatCount(count: number): string {
  const digits = String(Math.round(Math.abs(count))).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return count <= -0.5 ? `-${digits}` : digits;
}

/** `1 file`, `8,412 files`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `0`, `940`, `2.1k`, `49k`, `1.9M`: powers of 1000, at most five characters. */
export function formatShort(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'G', 'T', 'P']);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  const sign = value < 0 ? '-' : '';
  let rest = Math.abs(value);
  let unit = 0;
  // 1023.7K would be painted as 1024K: move on a little early.
  while (unit < units.length - 1 && Math.round(rest) >= base) {
    rest /= base;
    unit += 1;
  }
  const isExact = Math.abs(rest - Math.round(rest)) < 0.005;
  const digits = unit === 0 || rest >= 99.95 || (isExact && rest >= 9.95) ? 0 : 1;
  return `${sign}${rest.toFixed(digits)}${units[unit] ?? ''}`;
}

/** `0.2s`, `8.1s`, `38s`, `4m12s`, `22m10s`, `3h05m`, `2d04h`: how long something takes or is held. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return pair(whole, 60, 'm', 1, 's');
  if (whole < 86_400) return pair(whole, 3600, 'h', 60, 'm');
  return pair(whole, 86_400, 'd', 3600, 'h');
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeUnit}${String(rest).padStart(2, '0')}${smallUnit}`;
}

/** `now`, `12s`, `4m`, `3h`, `2d`: how long ago, coarse enough not to flicker. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `15:53`, local time. */
export function formatClock(atMs: number): string {
  const at = new Date(atMs);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

/** `15:53:07`, local time. */
export function formatClockSeconds(atMs: number): string {
  return `${formatClock(atMs)}:${String(new Date(atMs).getSeconds()).padStart(2, '0')}`;
}

/** `7%`, `<1%`, `>99%`: never rounds to an end that was not reached. */
export function formatPercent(fraction: number): string {
  if (fraction > 0 && fraction < 0.01) return '<1%';
  if (fraction > 0.99 && fraction < 1) return '>99%';
  return `${Math.round(fraction * 100)}%`;
}
