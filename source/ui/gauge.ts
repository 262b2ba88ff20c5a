import type { Tone } from './row.tsx';

/** `▇▇▇▇▇░░░`: never empty when there is something, never full before it is. */
export function gauge(fraction: number, cells: number): string {
  if (cells <= 0) return '';
  const bounded = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  let full = Math.round(bounded * cells);
  if (bounded > 0) full = Math.max(1, full);
  if (bounded < 1 && cells > 1) full = Math.min(cells - 1, full);
  if (bounded === 1) full = cells;
  return '▇'.repeat(full) + '░'.repeat(cells - full);
}

/** Good below 70 %, a warning up to 90 %, bad above. */
export function gaugeTone(fraction: number): Tone {
  if (fraction >= 0.9) return 'bad';
  return fraction >= 0.7 ? 'warn' : 'good';
}
