import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { relatedTo } from '../../source/console/input/related.ts';
import { width } from '../../source/ui/text.ts';
import { type Appearance, currentAppearance, setAppearance } from '../../source/ui/theme/style.ts';
import { dark, mono, paletteOf, terminal } from '../../source/ui/theme/theme.ts';
import { setTimes } from '../../source/ui/times.ts';
import { runHere } from '../helpers/batch.ts';
import { emptySlices, type FilledConsole, filledConsole, nowMs } from '../helpers/filled-console.tsx';
import { redisForThisFile } from '../helpers/redis-server.ts';

// The whole console over a server with something of everything, at every size and with all that terminals can show.

const server = await redisForThisFile();

const sizes = [
  [40, 10],
  [80, 24],
  [100, 30],
  [120, 40],
  [200, 60],
] as const;

const darkPalette = paletteOf(dark, 'dark') ?? mono;
const modes: readonly (readonly [string, Partial<Appearance>, sgr: RegExp])[] = [
  [
    'any colour',
    { styling: 'colour', depth: 'any', palette: darkPalette },
    /^(0|1|22|3|4|24|7|27|39|38;2;\d+;\d+;\d+)$/,
  ],
  [
    '256 colours',
    { styling: 'colour', depth: 256, palette: darkPalette },
    /^(0|1|22|4|24|7|27|39|38;5;\d+)$/,
  ],
  [
    '16 colours',
    { styling: 'colour', depth: 16, palette: paletteOf(terminal, undefined) ?? mono },
    /^(0|1|2|22|4|24|7|27|39|[39][0-7])$/,
  ],
  ['no colour', { styling: 'mono' }, /^(0|1|2|22|4|24|7|27)$/],
];

let before: Appearance;
let filled: FilledConsole;
beforeAll(async () => {
  process.env.TZ = 'UTC';
  before = currentAppearance();
  setAppearance({ styling: 'plain', glyphs: 'unicode' });
  filled = await filledConsole();
});
afterAll(() => setAppearance(before));

function paint(columns: number, rows: number, appearance: Partial<Appearance> = {}): string {
  setAppearance(appearance);
  try {
    return filled.paint({ columns, rows });
  } finally {
    setAppearance({ ...before, styling: 'plain', glyphs: 'unicode' });
  }
}

describe.each(sizes)('%ix%i', (columns, rows) => {
  test('as text', () => {
    const frame = paint(columns, rows);
    const lines = frame.split('\n');
    expect(lines).toHaveLength(rows);
    expect(lines.filter((line) => width(line) > columns)).toEqual([]);
    expect(frame).toMatchSnapshot();
  });

  test('in ASCII: the same cells, of printable characters alone', () => {
    const frame = paint(columns, rows, { glyphs: 'ascii' });
    expect(frame).toMatch(/^[ -~\n]*$/);
    const lines = frame.split('\n');
    expect(lines.filter(({ length }) => length > columns)).toEqual([]);
    expect(frame).toMatchSnapshot();
  });

  test.each(modes)('in %s: the same text, with styles that such a terminal has', (_, appearance, sgr) => {
    const frame = paint(columns, rows, appearance);
    // Spaces at the end of a line are left out only where nothing styles them.
    const text = stripVTControlCharacters(frame).replaceAll(/ +$/gm, '');
    expect(text).toBe(paint(columns, rows).replaceAll(/ +$/gm, ''));
    const codes = [...frame.matchAll(/\u001B\[([\d;]*)m/g)].map(([, code = '']) => code);
    expect(codes.filter((code) => !sgr.test(code))).toEqual([]);
    expect(frame.replaceAll(/\u001B\[([\d;]*)m/g, '‹$1›')).toMatchSnapshot();
  });
});

test('as UTC every pane shows in any zone what it shows in that of UTC; as ages there are clocks of hours alone', () => {
  const [header = '', ...inUtc] = paint(200, 60).split('\n');
  try {
    process.env.TZ = 'Asia/Kolkata';
    setTimes('utc');
    expect(paint(200, 60).split('\n')).toEqual([header, ...inUtc]);
    // Where nothing else has room, the zone that was asked for has.
    expect(paint(80, 24)).toMatch(/^.*15:53 UTC/);
    setTimes('age');
    const [head = '', ...panes] = paint(200, 60).split('\n');
    expect(head).toMatch(/ 21:23 UTC\+5:30, ages$/);
    expect(panes.join('\n')).toMatch(/ 6m deploy +ci-14 took/);
    const clocks = panes.join('\n').matchAll(/\b\d\d:[0-5]\d\b/g);
    // The hours that a log is counted by are no moments.
    expect([...new Set([...clocks].map(([clock]) => clock))].toSorted()).toEqual(['19:30', '20:30']);
  } finally {
    process.env.TZ = 'UTC';
    setTimes('local');
  }
  expect(paint(200, 60).split('\n')).toEqual([header, ...inUtc]);
});

test('the columns of a table, over the panes', () => {
  const mode = { name: 'columns', noun: 'topic', selected: 'lag' } as const;
  expect(filled.paint({ columns: 80, rows: 24, mode })).toMatchSnapshot();
  filled.paint({ mode: { name: 'browse' } });
});

test('features with nothing in them take no tile, and one with something has the focus', async () => {
  const { lock, ...others } = emptySlices;
  const one = await filledConsole({ slices: others });
  expect(one.paint({ columns: 120, rows: 40 })).toMatchSnapshot();
  expect(one.store.getState().screen.focus).toBe('lock');
  const none = await filledConsole({ slices: { ...others, lock } });
  expect(none.paint({ columns: 120, rows: 40 })).toMatchSnapshot();
});

test.each([
  [40, 10],
  [80, 24],
  [120, 40],
])('a server with nothing of ours, and one that is not reached, at %ix%i', async (columns, rows) => {
  const none = await filledConsole({ slices: emptySlices });
  expect(none.store.getState().screen).toMatchObject({ guide: 'unused', focus: 'shards' });
  expect(none.paint({ columns, rows })).toMatchSnapshot();
  // The focus is where somebody wants it, and the pane has everything.
  expect(none.paint({ columns, rows, focus: 'topic' })).toMatchSnapshot();
  none.store.setState(({ connection }) => ({
    connection: {
      ...connection,
      name: 'connecting',
      sinceMs: nowMs - 12_000,
      attempt: 5,
      nextRetryAtMs: nowMs + 3000,
      error: 'connect ECONNREFUSED 127.0.0.1:6379',
    },
  }));
  expect(none.paint({ columns, rows, guide: 'unreached' })).toMatchSnapshot();
});

test('a snapshot shows what the console would: an empty feature in a line, not in a tile', async () => {
  await server.client().set('lock:migrate', 'somebody');
  await server.client().zadd('quarterdeck:lock', Date.now(), 'migrate');
  const { stdout } = await runHere(['snapshot', '--size', '120x40'], { url: server.url });
  expect(stdout).toMatch(/┏━ 6 lock !1/);
  expect(stdout).toMatch(
    /^─ nothing in ─ 1 chat ─ 2 ship ─ 3 log ─ 4 limit ─ 5 hits ─ 7 topic ─ 8 buffer ─ 9 sync ─/m,
  );
  expect(stdout).not.toMatch(/╭─ 1 chat/);
});

test.each([
  [40, 10],
  [80, 24],
  [120, 40],
])('what has to do with a row, over the panes at %ix%i', (columns, rows) => {
  const topic = filled.features.find(({ noun }) => noun === 'topic');
  const [row] = topic?.list.rows(filled.store.getState().slices.topic) ?? [];
  if (!topic) throw new Error('There is no topic');
  const things = relatedTo(filled.store.getState(), filled.features, topic, row);
  const mode = { name: 'related', of: topic.list.name(row), things, choice: 1 } as const;
  expect(filled.paint({ columns, rows, mode })).toMatchSnapshot();
  filled.paint({ mode: { name: 'browse' } });
});

test('a pane that could not be read shows its last rows without the colours of now, and says why', async () => {
  const error = 'Key `quarterdeck:topic` does not hold a zset; it belongs to something else';
  const failed = await filledConsole();
  const { freshness } = failed.store.getState();
  const topic = { name: 'failed', learnedAtMs: nowMs - 12_000, error } as const;
  failed.store.setState({ freshness: { ...freshness, topic } });
  setAppearance({ styling: 'colour', depth: 'any', palette: darkPalette });
  const lines = failed.paint({ columns: 80, rows: 24, focus: 'topic' }).split('\n');
  setAppearance({ ...before, styling: 'plain', glyphs: 'unicode' });
  const plain = lines.map((line) => stripVTControlCharacters(line));
  expect(plain[3]).toMatch(/ failed, 12s old ━┓$/);
  expect(plain.at(-2)).toContain(error.slice(0, 70));
  const muted = sgrOf(darkPalette.muted.colour);
  const rows = lines.filter((_, index) => / (orders|news) /.test(plain[index] ?? ''));
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const inside = row.slice(row.indexOf('┃') + 1, row.lastIndexOf('┃'));
    const colours = [...inside.matchAll(/\u001B\[(38;2;[\d;]+)m/g)].map(([, code]) => code);
    const allowed = [muted, sgrOf(darkPalette.focus.colour)];
    expect(
      colours.filter((code = '') => !allowed.includes(code)),
      row,
    ).toEqual([]);
  }
});

function sgrOf(colour: unknown): string {
  const [, red = '', green = '', blue = ''] = /^#(..)(..)(..)$/.exec(String(colour)) ?? [];
  return `38;2;${[red, green, blue].map((part) => Number.parseInt(part, 16)).join(';')}`;
}

test('what is red is what needs somebody badly, and the reverse', () => {
  const red = sgrOf(darkPalette.bad.colour);
  const inRed = (frame: string): readonly string[] =>
    [...frame.matchAll(new RegExp(`\\u001B\\[${red}m(?:\\u001B\\[[\\d;]*m)*([^\\u001B]*)`, 'g'))].map(
      ([, text = '']) => text.trim(),
    );
  const bad = filled.store.getState().needs.filter(({ severity }) => severity === 'bad');
  const shown = bad.map(({ name, words }) => `${name} ${words}`.toLowerCase()).join('\n');
  // Line 2 is the list of them; the marks of titles count them.
  const panes = paint(200, 60, { styling: 'colour', depth: 'any', palette: darkPalette })
    .split('\n')
    .slice(2);
  const words = inRed(panes.join('\n')).filter((text) => !/^!?\d*$/.test(text));
  expect(words.length).toBeGreaterThan(4);
  for (const word of words) expect(shown, word).toContain(word.split(' ')[0]?.toLowerCase());
  for (const { words: what, feature } of bad) {
    const state = /[A-Z]{3,}|no TTL/.exec(what)?.[0];
    expect(words.join('\n'), `${feature} ${what}`).toContain(state);
  }
});
