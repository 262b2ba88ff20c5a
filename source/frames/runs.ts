import { sgr } from '../ui/theme/sgr.ts';

/** Painted lines taken apart again: what stands in which style. */

/** 0 to 15: the terminal's own; 16 to 255: of the palette all share; else as it is. */
export type RunColour = number | `#${string}`;

export type RunStyle = {
  readonly colour: RunColour | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
};

export type Run = { readonly text: string; readonly style: RunStyle };

export const noStyle: RunStyle = {
  colour: undefined,
  bold: false,
  dim: false,
  underline: false,
  inverse: false,
};

/** The stretches of one style in a painted line, in order; each line begins without any. */
export function runsOf(line: string): readonly Run[] {
  const runs: Run[] = [];
  let style = noStyle;
  let at = 0;
  const take = (text: string): void => {
    if (text !== '') runs.push({ text, style });
  };
  for (const match of line.matchAll(sgr)) {
    take(line.slice(at, match.index));
    at = match.index + match[0].length;
    style = styleAfter(style, match[1] ?? '');
  }
  take(line.slice(at));
  return runs;
}

function styleAfter(before: RunStyle, codes: string): RunStyle {
  const numbers = codes.split(/[;:]/).map(Number);
  let style = before;
  for (let index = 0; index < numbers.length; index += 1) {
    const code = numbers[index] ?? 0;
    if (code === 38 || code === 48) {
      const colour = fixedColour(numbers.slice(index + 1));
      if (code === 38) style = { ...style, colour };
      index += numbers[index + 1] === 2 ? 4 : 2;
    } else style = { ...style, ...changes(code) };
  }
  return style;
}

function fixedColour([kind, ...parts]: readonly number[]): RunColour | undefined {
  if (kind === 5) return parts[0];
  if (kind !== 2) return;
  const hex = parts.slice(0, 3).map((part) => Math.min(255, part).toString(16).padStart(2, '0'));
  return `#${hex.join('')}`;
}

function changes(code: number): Partial<RunStyle> {
  if (code >= 30 && code <= 37) return { colour: code - 30 };
  if (code >= 90 && code <= 97) return { colour: code - 82 };
  switch (code) {
    case 0:
      return noStyle;
    case 1:
      return { bold: true };
    case 2:
      return { dim: true };
    case 4:
      return { underline: true };
    case 7:
      return { inverse: true };
    case 22:
      return { bold: false, dim: false };
    case 24:
      return { underline: false };
    case 27:
      return { inverse: false };
    case 39:
      return { colour: undefined };
    default:
      return {};
  }
}
