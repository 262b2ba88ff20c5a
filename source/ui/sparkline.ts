const bars = '▁▂▃▄▅▆▇█';

export type SparklineScale = {
  /** What a full bar stands for; the highest value shown unless given. */
  readonly max?: number;
};

/**
 * The last `cells` values, one bar each, zero at the bottom; padded with spaces on the left while there are fewer.
 * A value above zero is never painted as zero.
 */
export function sparkline(values: readonly number[], cells: number, { max }: SparklineScale = {}): string {
  if (cells <= 0) return '';
  const shown = values.slice(-cells);
  const top = max ?? Math.max(0, ...shown);
  const painted = shown.map((value) => {
    if (!(value > 0) || !(top > 0)) return bars[0];
    const level = Math.min(bars.length - 1, Math.floor((value / top) * bars.length));
    return bars[Math.max(1, level)];
  });
  return painted.join('').padStart(cells, ' ');
}
