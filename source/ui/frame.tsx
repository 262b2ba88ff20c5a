import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { Row, type Span, type Tone } from './row.tsx';

export type FrameProps = {
  /** What stands in the top border, such as `1 chat  #ops  6 members`. */
  readonly title: readonly Span[];
  /** The age or state of what is shown, at the right of the top border. */
  readonly note?: { readonly text: string; readonly tone?: Tone } | undefined;
  readonly columns: number;
  readonly rows: number;
  readonly focused: boolean;
  readonly children?: ReactNode;
};

/** Cells the frame takes on each axis. */
export const frameCells = { columns: 4, rows: 2 };

const light = { left: '╭─', right: '─╮', dash: '─', side: '│', bottomLeft: '╰', bottomRight: '╯' };
const heavy = { left: '┏━', right: '━┓', dash: '━', side: '┃', bottomLeft: '┗', bottomRight: '┛' };

/**
 * A border with a title and a note around `columns - 4` by `rows - 2` cells of content. The focused frame is drawn
 * with heavy lines, so that it shows without colour.
 */
export function Frame({ title, note, columns, rows, focused, children }: FrameProps): ReactNode {
  const line = focused ? heavy : light;
  const tone: Tone = focused ? 'info' : 'dim';
  const inner = Math.max(0, columns - frameCells.columns);
  const body = Math.max(0, rows - frameCells.rows);
  const side = Array.from({ length: body }, () => line.side).join('\n');
  const right: Span[] = note ? [{ text: ' ' }, { ...note, tone: note.tone ?? 'dim' }, ' '] : [];
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
        <Side text={side} tone={tone} />
        <Box width={inner} height={body} marginX={1} flexDirection="column" overflow="hidden">
          {children}
        </Box>
        <Side text={side} tone={tone} />
      </Box>
      <Row
        columns={columns}
        spans={[{ text: line.bottomLeft, tone }]}
        right={[{ text: line.bottomRight, tone }]}
        filler={line.dash}
        fillerTone={tone}
      />
    </Box>
  );
}

function Side({ text, tone }: { readonly text: string; readonly tone: Tone }): ReactNode {
  return (
    <Box width={1} flexShrink={0}>
      <Text dimColor={tone === 'dim'} {...(tone === 'info' && { color: 'cyan' })}>
        {text}
      </Text>
    </Box>
  );
}
