/** Keys that mean the same in every pane; no feature may use them. */
export type GlobalKey = { readonly key: readonly string[]; readonly help: string };

export const globalKeys = {
  help: { key: ['?'], help: 'help' },
  palette: { key: [':'], help: 'command' },
  next: { key: ['tab'], help: 'next pane' },
  previous: { key: ['shift+tab'], help: 'previous pane' },
  pane: { key: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'], help: 'go to that pane' },
  nextNeed: { key: ['e'], help: 'next need: to what needs somebody, the most urgent first' },
  previousNeed: { key: ['E'], help: 'previous need' },
  needs: { key: ['!'], help: 'list of needs: go there, acknowledge, put off, tell the room' },
  zoom: { key: ['z'], help: 'zoom' },
  focusView: { key: ['Z'], help: 'this pane large, others beside it' },
  nextView: { key: ['v'], help: 'next view' },
  views: { key: ['V'], help: 'list of views' },
  panes: { key: ['w'], help: 'panes: show, hide, size, move, save as a view' },
  freeze: {
    key: ['t'],
    help: 'freeze: what is shown stands still; ← → [ ] Home End go through time, t returns to now',
  },
  related: {
    key: ['r'],
    help: 'related: what has to do with the chosen row, in this pane and the others',
  },
  discover: {
    key: ['d'],
    help: 'discover: look through all keys for what other programs made; asks first, and tells its cost',
  },
  home: { key: ['ctrl+o'], help: 'back to where the last jump came from' },
  back: { key: ['esc'], help: 'back: one step, out of details, a filter, marks, the zoom' },
  redraw: { key: ['ctrl+l'], help: 'paint everything anew' },
  suspend: { key: ['ctrl+z'], help: 'suspend, back with `fg`' },
  quit: { key: ['q', 'ctrl+c'], help: 'quit' },
} as const satisfies Record<string, GlobalKey>;

/** Keys that mean the same in the list of every pane, where the feature has nothing else for them. */
export const listKeys = {
  up: { key: ['up', 'k'], help: 'row above' },
  down: { key: ['down', 'j'], help: 'row below' },
  pageUp: { key: ['pageup', 'ctrl+u'], help: 'page up' },
  pageDown: { key: ['pagedown', 'ctrl+d'], help: 'page down' },
  first: { key: ['home', 'g'], help: 'first row' },
  last: { key: ['end', 'G'], help: 'last row' },
  details: { key: ['enter'], help: 'details: of the chosen row, once more for all of the pane' },
  filter: {
    key: ['/'],
    help: "filter: words that must all match, 'as it is, ^start, end$, !not, a|b, ~regex, lag>100",
  },
  nextOrder: { key: ['>'], help: 'order by the next column' },
  previousOrder: { key: ['<'], help: 'order by the previous column' },
  reverse: { key: ['o'], help: 'reverse the order' },
  columns: { key: ['O'], help: 'columns: show, hide and move those of the table' },
  mark: { key: [' '], help: 'mark: this row' },
  markDown: { key: ['shift+down'], help: 'mark and go down' },
  markAll: { key: ['*'], help: 'mark everything shown' },
} as const satisfies Record<string, GlobalKey>;

export type ListKey = keyof typeof listKeys;

const listNames = new Map<string, ListKey>(
  Object.entries(listKeys).flatMap(([name, { key }]) => key.map((one) => [one, name as ListKey] as const)),
);

export function listKey(key: string): ListKey | undefined {
  return listNames.get(key);
}

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
  return index >= 0 && index < 10 ? String((index + 1) % 10) : undefined;
}

/** The place a digit stands for. */
export function placeOf(digit: string): number {
  return (Number(digit) + 9) % 10;
}
