const bars = ' ▁▂▃▄▅▆▇█';

/**
 * The last `cells` values as bars of up to `height` lines, the top line first; zero at the bottom, never blank, and
 * a value above zero never painted as zero.
 */
export function chart(values: readonly number[], cells: number, height: number): string[] {
  const shown = cells > 0 ? values.slice(-cells) : [];
  const top = Math.max(0, ...shown);
  const levels = shown.map((value) => {
    if (!(value > 0)) return 1;
    return Math.max(2, Math.round((value / top) * height * 8));
  });
  return Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * 8;
    const painted = levels.map((level) => bars[Math.min(8, Math.max(0, level - below))] ?? ' ');
    return painted.join('').padStart(cells, ' ');
  });
}

/** `10s`, `1m`, `1h`: how long a bar is. */
export function formatStep(stepMs: number): string {
  if (stepMs < 60_000) return `${stepMs / 1000}s`;
  return stepMs < 3_600_000 ? `${stepMs / 60_000}m` : '1h';
}
