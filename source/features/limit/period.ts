const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A period as one writes it: `1m`, `90s`, `250ms`. */
export function formatPeriod(ms: number): string {
  const [unit, each] = units.find(([, length]) => ms % length === 0) ?? ['ms', 1];
  return `${ms / each}${unit}`;
}
