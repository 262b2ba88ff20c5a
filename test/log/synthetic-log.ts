/** Logs of known events: what a line should be grouped as is known because it was made so. */

export type Event = { readonly event: number; readonly message: string; readonly line: string };

const subjects = ['connection', 'upload', 'session', 'replica', 'backup', 'index', 'mailbox', 'certificate'];
const verbs = ['opened', 'closed', 'refused', 'expired', 'moved', 'verified', 'dropped', 'restored'];
const tails = [
  'after {number} attempts',
  'for user {name}',
  'from {address}:{number}',
  'by {name}, request {uuid}',
  'in {number} ms',
  'while reading {path}',
  'with status={state} and size={number}',
  'because "{text}"',
  'without a reason',
  'on host {name} at {time}',
];
const names = [
  'ann bob eve joe kim zoe tom ida max leo mia ben liv otto emil nora hugo lena paul rosa finn maya theo ella'.split(
    ' ',
  ),
].flat();

/** Deterministic: the same seed makes the same log. */
export function syntheticLog({
  seed,
  events,
  lines,
}: {
  seed: number;
  events: number;
  lines: number;
}): Event[] {
  const random = randomFrom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  // Few events differ in one word only: more would be a word that varies.
  const shapes = Array.from({ length: events }, (_, index) => {
    const row = Math.floor(index / subjects.length);
    const [subject, verb] = [subjects[(index + seed) % subjects.length], verbs[(row + seed) % verbs.length]];
    return `${subject} ${verb} ${tails[(3 * index + row) % tails.length]}`;
  });
  const fill = (shape: string): string =>
    shape.replaceAll(/\{(\w+)\}/g, (_, kind: string) => {
      const number = Math.floor(random() * 100_000);
      const hex = (length: number): string =>
        Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
      if (kind === 'name') return pick(names);
      if (kind === 'address') return [10, number % 256, number % 255, number % 254].join('.');
      if (kind === 'uuid') return [8, 4, 4, 4, 12].map(hex).join('-');
      if (kind === 'path') return `/var/lib/${pick(names)}/${hex(6)}.db`;
      if (kind === 'state') return pick(verbs);
      if (kind === 'text') return `${pick(names)} said ${pick(verbs)}`;
      if (kind === 'time') return new Date(number * 1e7).toISOString();
      return String(number);
    });
  return Array.from({ length: lines }, (_, index) => {
    // Heavy and light events, as in life.
    const event = Math.min(shapes.length - 1, Math.floor(random() ** 2 * shapes.length));
    const message = fill(shapes[event] ?? '');
    const stamp = new Date(1.7e12 + index * 977).toISOString().replace('T', ' ').replace('Z', '');
    return {
      event,
      message,
      line: `${stamp} ${event % 2 ? 'INFO' : 'WARN'} [worker-${index % 7}] ${message}`,
    };
  });
}

/** The share of lines whose group holds exactly the lines of their event. */
export function groupingAccuracy(groups: readonly string[], events: readonly (number | string)[]): number {
  const sizes = new Map<string, number>();
  const count = (key: string): void => {
    sizes.set(key, (sizes.get(key) ?? 0) + 1);
  };
  for (const [index, group] of groups.entries()) {
    count(`group ${group}`);
    count(`event ${events[index]}`);
    count(`both ${events[index]} ${group}`);
  }
  const right = groups.filter((group, index) => {
    const both = sizes.get(`both ${events[index]} ${group}`);
    return both === sizes.get(`group ${group}`) && both === sizes.get(`event ${events[index]}`);
  });
  return right.length / groups.length;
}

/** Mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
