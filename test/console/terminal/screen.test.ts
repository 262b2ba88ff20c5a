import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../../source/console/terminal/screen.ts';
import { fitTo, sanitise } from '../../../source/ui/text.ts';
import { makeXterm, screenCells, screenLines, settle } from '../../helpers/xterm.ts';

/** A screen whose bytes go into a terminal in memory. */
function open(columns: number, rows: number) {
  const terminal = makeXterm(columns, rows);
  const written: string[] = [];
  let isSlow = false;
  let drain: (() => void) | undefined;
  const screen = new Screen(
    {
      write(text) {
        written.push(text);
        terminal.write(text);
        return !isSlow;
      },
      once(_, listener) {
        drain = listener;
      },
    },
    { columns, rows },
  );
  return {
    terminal,
    screen,
    written,
    paint: (lines: readonly string[]) => screen.write(lines.join('\n')),
    slow(is: boolean) {
      isSlow = is;
      if (!is) drain?.();
    },
  };
}

const columns = 24;
const rows = 4;
const styles = ['', '\u001B[1m', '\u001B[31m', '\u001B[2m', '\u001B[7m', '\u001B[36m'];
const closes = ['', '\u001B[22m', '\u001B[39m', '\u001B[22m', '\u001B[27m', '\u001B[39m'];

/** A painted line: styled pieces that take exactly the columns. */
const anyLine = fc
  .array(
    fc.tuple(
      fc.nat(styles.length - 1),
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '│', '日', 'é', '🙂', '▇', '1'), maxLength: 8 }),
    ),
    { maxLength: 5 },
  )
  .map((pieces) => {
    let room = columns;
    return pieces
      .map(([style, text]) => {
        const part = fitTo(sanitise(text), Math.min(room, text.length)).replace('…', '.');
        room -= Math.min(room, text.length);
        return part === '' ? '' : styles[style] + part + closes[style];
      })
      .join('');
  });
const anyFrame = fc.array(anyLine, { minLength: rows, maxLength: rows });

test('after any frames the terminal shows what a terminal shows that saw only the last', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame, { minLength: 2, maxLength: 6 }), async (frames) => {
      const all = open(columns, rows);
      for (const frame of frames) all.paint(frame);
      const last = open(columns, rows);
      last.paint(frames.at(-1) ?? []);
      await Promise.all([settle(all.terminal), settle(last.terminal)]);
      expect(screenCells(all.terminal)).toEqual(screenCells(last.terminal));
    }),
    { numRuns: 300 },
  );
});

describe('what is written', () => {
  test('a frame that changes nothing writes nothing', () => {
    const { paint, written, screen } = open(20, 2);
    paint(['one', 'two']);
    paint(['one', 'two']);
    expect(written).toHaveLength(1);
    expect(screen.painted).toBe(1);
  });

  test('one digit costs a few bytes', () => {
    const { paint, written } = open(200, 3);
    const line = (digit: number) =>
      `\u001B[36m┃\u001B[39m rate ▁▂▅ ${digit} MB/s${' '.repeat(150)}\u001B[36m┃\u001B[39m`;
    paint(['head', line(1), 'foot']);
    paint(['head', line(2), 'foot']);
    expect(written[1]?.length).toBeLessThan(40);
    expect(written[1]).toContain('\u001B[2;12H2');
  });

  test('modes that Ink sets pass, in order', () => {
    const { screen, written } = open(20, 2);
    screen.write('\u001B[?2004h');
    screen.write('x');
    expect(written[0]).toBe('\u001B[?2004h');
    expect(written[1]).toContain('x');
  });

  test('a slow terminal gets the newest frame only', async () => {
    const { paint, slow, terminal, written } = open(20, 1);
    slow(true);
    for (const text of ['first', 'second', 'third']) paint([text]);
    expect(written).toHaveLength(1);
    slow(false);
    await settle(terminal);
    expect(screenLines(terminal)).toEqual(['third']);
    expect(written).toHaveLength(2);
  });

  test('while somebody else has the terminal nothing is written; then everything is', async () => {
    const { paint, screen, terminal, written } = open(20, 1);
    paint(['before']);
    screen.hold();
    paint(['meanwhile']);
    expect(written).toHaveLength(1);
    terminal.write('\r\u001B[2Jscribble');
    screen.release();
    await settle(terminal);
    expect(screenLines(terminal)).toEqual(['meanwhile']);
  });

  test('a resize paints everything, lines that are gone too', async () => {
    const { paint, screen, terminal } = open(20, 3);
    paint(['one', 'two', 'three']);
    await settle(terminal);
    terminal.resize(10, 2);
    screen.resize(10, 2);
    paint(['uno', 'dos']);
    await settle(terminal);
    expect(screenLines(terminal)).toEqual(['uno', 'dos']);
  });

  test('a full last line does not scroll, and its last cell stays', async () => {
    const { paint, terminal } = open(5, 2);
    paint(['12345', '67890']);
    paint(['1234x', '6789x']);
    await settle(terminal);
    expect(screenLines(terminal)).toEqual(['1234x', '6789x']);
  });
});
