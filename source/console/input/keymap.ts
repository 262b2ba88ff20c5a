/** Keys that mean the same in every pane; no feature may use them. */
export type GlobalKey = { readonly key: readonly string[]; readonly help: string };

export const globalKeys = {
  help: { key: ['?'], help: 'help' },
  palette: { key: [':'], help: 'command' },
  next: { key: ['tab'], help: 'next pane' },
  previous: { key: ['shift+tab'], help: 'previous pane' },
  pane: { key: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'], help: 'go to that pane' },
  zoom: { key: ['z'], help: 'zoom' },
  back: { key: ['esc'], help: 'back: out of the zoom, a question or a list' },
  redraw: { key: ['ctrl+l'], help: 'paint everything anew' },
  suspend: { key: ['ctrl+z'], help: 'suspend, back with `fg`' },
  quit: { key: ['q', 'ctrl+c'], help: 'quit' },
} as const satisfies Record<string, GlobalKey>;

const names = new Map<string, keyof typeof globalKeys>(
  Object.entries(globalKeys).flatMap(([name, { key }]) =>
    key.map((one) => [one, name as keyof typeof globalKeys] as const),
  ),
);

export function globalKey(key: string): keyof typeof globalKeys | undefined {
  return names.get(key);
}

/** `1` to `9`, then `0`: the digit of the pane at this place, if it has one. */
export function digitOf(index: number): string | undefined {
  return index < 10 ? String((index + 1) % 10) : undefined;
}

/** The place a digit stands for. */
export function placeOf(digit: string): number {
  return (Number(digit) + 9) % 10;
}
