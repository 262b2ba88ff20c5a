import xterm, { type Terminal } from '@xterm/headless';
import stringWidth from 'string-width';

/** A terminal in memory that gives wide characters the cells today's terminals give them. */
export function makeXterm(columns: number, rows: number): Terminal {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
  const isMark = /[\p{Nonspacing_Mark}\p{Enclosing_Mark}\p{Format}]/u;
  const wcwidth = (point: number): 0 | 1 | 2 => {
    if (point < 127) return point < 32 ? 0 : 1;
    const letter = String.fromCodePoint(point);
    return isMark.test(letter) ? 0 : (Math.min(2, stringWidth(letter)) as 0 | 1 | 2);
  };
  terminal.unicode.register({
    version: 'today',
    wcwidth,
    charProperties(point, before) {
      // Bit 0: joins the character before; bits 1 and 2: its width.
      const width = wcwidth(point);
      const widthBefore = (before >> 1) & 3;
      const joins = width === 0 && before !== 0 && widthBefore !== 0;
      return ((joins ? Math.max(width, widthBefore) : width) << 1) | (joins ? 1 : 0);
    },
  });
  terminal.unicode.activeVersion = 'today';
  return terminal;
}

/** What stands on the screen, line by line. */
export function screenLines(terminal: Terminal): string[] {
  const buffer = terminal.buffer.active;
  return Array.from(
    { length: terminal.rows },
    (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? '',
  );
}

/** The screen with its styles: what a person sees, cell by cell. */
export function screenCells(terminal: Terminal): string[] {
  const buffer = terminal.buffer.active;
  return Array.from({ length: terminal.rows }, (_, row) => {
    const line = buffer.getLine(buffer.baseY + row);
    const cells = Array.from({ length: terminal.cols }, (_, column) => {
      const cell = line?.getCell(column);
      if (!cell) return ' ';
      const style = [
        cell.isBold() ? 'b' : '',
        cell.isDim() ? 'd' : '',
        cell.isInverse() ? 'i' : '',
        cell.isInvisible() ? 'hidden' : '',
        cell.isFgDefault() ? '' : `f${cell.getFgColor()}`,
        cell.isBgDefault() ? '' : `g${cell.getBgColor()}`,
      ].join('');
      return `${cell.getChars() || ' '}${style}`;
    });
    return cells.join('|');
  });
}

/** Resolves once the terminal has understood everything written so far. */
export function settle(terminal: Terminal): Promise<void> {
  return new Promise((resolve) => terminal.write('', resolve));
}
