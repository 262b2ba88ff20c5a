import type { Piece, Tone } from './theme/style.ts';

/**
 * `▇▇▇▇▇░░░`: never empty when there is something, never full before it is. The filled part is coloured only where its
 * thing needs a human.
 */
export function gauge(fraction: number, cells: number, tone: Tone = 'bar'): readonly Piece[] {
  if (cells <= 0) return [];
  const bounded = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  let full = Math.round(bounded * cells);
  if (bounded > 0) full = Math.max(1, full);
  if (bounded < 1 && cells > 1) full = Math.min(cells - 1, full);
  if (bounded === 1) full = cells;
  return [
    { text: '▇'.repeat(full), tone },
    { text: '░'.repeat(cells - full), tone: 'barRest' },
  ];
}
