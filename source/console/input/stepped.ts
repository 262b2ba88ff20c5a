/** The place in a list of choices that a key leads to; undefined: it leads nowhere. */
export function stepped(at: number, key: string, length: number): number | undefined {
  const last = Math.max(0, length - 1);
  const steps: Readonly<Record<string, number>> = {
    up: at - 1,
    k: at - 1,
    E: at - 1,
    down: at + 1,
    j: at + 1,
    e: at + 1,
    pageup: at - 10,
    pagedown: at + 10,
    home: 0,
    g: 0,
    end: last,
    G: last,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.max(0, Math.min(last, to));
}
