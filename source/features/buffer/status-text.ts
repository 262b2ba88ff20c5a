import { formatAge, formatCount, formatDuration } from '../../ui/format.ts';

/** `+88,120`, `-3`. */
export function signed(total: number): string {
  return `${total < 0 ? '' : '+'}${formatCount(total)}`;
}

/** `34ms`, `0.3s`, `12s`: how long a flush took. */
export function took(ms: number): string {
  return ms < 100 ? `${Math.round(ms)}ms` : formatDuration(ms);
}

/** `100ms`, `10s`, `5m`: how often. */
export function interval(ms: number): string {
  return ms < 1000 ? `${ms}ms` : formatAge(ms);
}

/** `1st`, `2nd`, `3rd`, `11th`. */
export function ordinal(count: number): string {
  const isTeen = Math.floor((count % 100) / 10) === 1;
  const suffix = isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${suffix}`;
}
