import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { frameCells } from './frame-cells.ts';
import { Row, type Span, type Tone } from './row.tsx';
import { sanitise, truncate, width } from './text.ts';
import { styled } from './theme/style.ts';

export type FrameProps = {
  /** What stands in the top border, such as `1 chat  #ops  6 members`. */
  readonly title: readonly Span[];
  /** The age or state of what is shown, at the right of the top border. */
  readonly note?: { readonly text: string; readonly tone?: Tone } | undefined;
  /** What went wrong, at the left of the bottom border. */
  readonly error?: string | undefined;
  /** Where in a list we are, at the left of the bottom border, unless something went wrong. */
  readonly position?: string | undefined;
  /** How it is ordered, at the right of the bottom border. */
  readonly order?: string | undefined;
  readonly columns: number;
  readonly rows: number;
  readonly focused: boolean;
  /** Only the title line, for screens with no room for sides and a bottom. */
  readonly bare?: boolean;
  readonly children?: ReactNode;
};

const light = { left: '╭─', right: '─╮', dash: '─', side: '│', bottomLeft: '╰─', bottomRight: '─╯' };
const heavy = { left: '┏━', right: '━┓', dash: '━', side: '┃', bottomLeft: '┗━', bottomRight: '━┛' };

/**
 * A border with a title and a note around `columns - 4` by `rows - 2` cells of content. The focused frame is drawn
 * with heavy lines, so that it shows without colour.
 */
export function Frame(props: FrameProps): ReactNode {
  const { title, note, error, position, order, columns, rows, focused, bare = false, children } = props;
  const line = focused ? heavy : light;
  const tone: Tone = focused ? 'focus' : 'line';
  // The name of the pane stays, what else is in its title gives way to the note.
  const most = Math.max(Math.floor(columns / 2), columns - cornerCells - textWidth(title[0]));
  const right: Span[] = note
    ? [' ', { text: truncate(sanitise(note.text), most), tone: note.tone ?? 'muted' }, ' ']
    : [];
  const failure: Span[] = error === undefined ? [] : [' ', { text: error, tone: 'bad' }, ' '];
  const place: Span[] = position === undefined ? [] : [' ', position, ' '];
  if (bare) {
    const sides = { left: { text: line.dash, tone }, right: { text: line.dash, tone } };
    const height = Math.max(0, rows - 1);
    return (
      <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
        <Row
          columns={columns}
          spans={[sides.left, ' ', ...title, ...failure, ' ']}
          right={[...(failure.length > 0 ? [] : place), ...right, sides.right]}
          filler={line.dash}
          fillerTone={tone}
        />
        <Box width={columns} height={height} flexDirection="column" overflow="hidden">
          {children}
        </Box>
      </Box>
    );
  }
  const inner = Math.max(0, columns - frameCells.columns);
  const body = Math.max(0, rows - frameCells.rows);
  return (
    <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
      <Row
        columns={columns}
        spans={[{ text: line.left, tone }, ' ', ...title, ' ']}
        right={[...right, { text: line.right, tone }]}
        filler={line.dash}
        fillerTone={tone}
      />
      <Box height={body}>
        <Side text={`${line.side} `} rows={body} tone={tone} />
        <Box width={inner} height={body} flexDirection="column" overflow="hidden">
          {children}
        </Box>
        <Side text={` ${line.side}`} rows={body} tone={tone} />
      </Box>
      <Row
        columns={columns}
        spans={[{ text: line.bottomLeft, tone }, ...(failure.length > 0 ? failure : place)]}
        // What went wrong has all of the line.
        right={[
          ...(order === undefined || failure.length > 0 ? [] : [' ', order, ' ']),
          { text: line.bottomRight, tone },
        ]}
        filler={line.dash}
        fillerTone={tone}
      />
    </Box>
  );
}

/** Corners and spaces of the top border. */
const cornerCells = 8;

function textWidth(span: Span | undefined): number {
  return width(sanitise(typeof span === 'object' ? span.text : (span ?? '')));
}

type SideProps = { readonly text: string; readonly rows: number; readonly tone: Tone };

function Side({ text, rows, tone }: SideProps): ReactNode {
  return (
    <Box width={2} flexShrink={0}>
      <Text>{Array.from({ length: rows }, () => styled({ text, tone })).join('\n')}</Text>
    </Box>
  );
}
