/**
 * Lines and blocks as shapes: fonts draw them with gaps between rows, or not at all. Everything is in cells, from the
 * upper left corner of the one it stands in.
 */
export type Shape =
  | { readonly kind: 'stroke'; readonly path: string; readonly isHeavy: boolean }
  /** `shade`: how much of the colour is there. */
  | { readonly kind: 'fill'; readonly path: string; readonly shade: number };

export type CellSize = { readonly width: number; readonly height: number };

/** Which of its sides a line leads to: left, right, up, down. */
const lines: Readonly<Record<string, string>> = {
  '─': 'lr',
  '━': 'LR',
  '│': 'ud',
  '┃': 'UD',
  '┏': 'RD',
  '┓': 'LD',
  '┗': 'RU',
  '┛': 'LU',
  '┌': 'rd',
  '┐': 'ld',
  '└': 'ru',
  '┘': 'lu',
};

/** Round corners, by the sides they join. */
const corners: Readonly<Record<string, readonly [side: 'l' | 'r', end: 'u' | 'd']>> = {
  '╭': ['r', 'd'],
  '╮': ['l', 'd'],
  '╰': ['r', 'u'],
  '╯': ['l', 'u'],
};

const eighths = ' ▁▂▃▄▅▆▇█';
const shades: Readonly<Record<string, number>> = { '░': 0.25, '▒': 0.5, '▓': 0.75 };

export function isShape(letter: string): boolean {
  return letter in lines || letter in corners || letter in shades || eighths.indexOf(letter) > 0;
}

/** The same letter `count` times from this cell on; undefined for what is no shape. */
export function shapeOf(
  letter: string,
  count: number,
  column: number,
  row: number,
  { width, height }: CellSize,
): Shape | undefined {
  const left = column * width;
  const top = row * height;
  const right = left + count * width;
  const middle = top + height / 2;
  const bottom = top + height;
  const sides = lines[letter];
  if (sides !== undefined) {
    const isHeavy = sides === sides.toUpperCase();
    if (/^lr$/i.test(sides)) return { kind: 'stroke', path: `M${left} ${middle}H${right}`, isHeavy };
    const parts = Array.from({ length: count }, (_, index) => {
      const x = left + (index + 0.5) * width;
      if (/^ud$/i.test(sides)) return `M${x} ${top}V${bottom}`;
      return [...sides.toLowerCase()]
        .map((side) => {
          if (side === 'l') return `M${x - width / 2} ${middle}H${x}`;
          if (side === 'r') return `M${x} ${middle}H${x + width / 2}`;
          return side === 'u' ? `M${x} ${top}V${middle}` : `M${x} ${middle}V${bottom}`;
        })
        .join('');
    });
    return { kind: 'stroke', path: parts.join(''), isHeavy };
  }
  const corner = corners[letter];
  if (corner) {
    const [side, end] = corner;
    const parts = Array.from({ length: count }, (_, index) => {
      const x = left + (index + 0.5) * width;
      const from = side === 'l' ? x - width / 2 : x + width / 2;
      return `M${from} ${middle}Q${x} ${middle} ${x} ${end === 'u' ? top : bottom}`;
    });
    return { kind: 'stroke', path: parts.join(''), isHeavy: false };
  }
  const shade = shades[letter];
  const level = shade === undefined ? eighths.indexOf(letter) : 7;
  if (level <= 0) return;
  const high = (height * level) / 8;
  return {
    kind: 'fill',
    path: `M${left} ${bottom - high}H${right}V${bottom}H${left}Z`,
    shade: shade ?? 1,
  };
}
