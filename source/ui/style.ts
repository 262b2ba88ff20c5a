/**
 * How text is styled: as SGR sequences put around it here, once, rather than as components around each word, which
 * Ink would have to walk through for every frame.
 */

/** What a piece of text means. It adds colour to words that say the same; `plain` has none. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'info' | 'dim';

export type Piece = {
  readonly text: string;
  readonly tone?: Tone | undefined;
  readonly bold?: boolean;
  readonly inverse?: boolean;
  readonly underline?: boolean;
};

/** `plain`: no sequences at all, for pipes; `mono`: weights but no colours, as NO_COLOR asks. */
export type Styling = 'plain' | 'mono' | 'colour';

let styling: Styling = 'plain';

/** Decided once, before anything is painted. */
export function setStyling(wanted: Styling): void {
  styling = wanted;
}

const colours: Readonly<Record<Tone, string>> = {
  plain: '',
  good: '\u001B[32m',
  warn: '\u001B[33m',
  bad: '\u001B[31m',
  info: '\u001B[36m',
  dim: '\u001B[2m',
};

/** The same, as something that may not be so any more. */
export function dimmed(piece: Piece): Piece {
  return { ...piece, tone: 'dim', bold: false };
}

/** The text with its sequences around it; it must hold none of its own, which `sanitise` sees to. */
export function styled({
  text,
  tone = 'plain',
  bold = false,
  inverse = false,
  underline = false,
}: Piece): string {
  if (styling === 'plain' || text === '') return text;
  let open = tone === 'dim' || styling === 'colour' ? colours[tone] : '';
  let close = open === '' ? '' : tone === 'dim' ? '\u001B[22m' : '\u001B[39m';
  if (bold) {
    open += '\u001B[1m';
    close = `\u001B[22m${tone === 'dim' ? '' : close}`;
  }
  if (underline) {
    open += '\u001B[4m';
    close = `\u001B[24m${close}`;
  }
  if (inverse) {
    open += '\u001B[7m';
    close = `\u001B[27m${close}`;
  }
  return open + text + close;
}
