import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { AnyFeature } from '../../features/index.ts';
import type { Guide } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { wrapLine } from '../../ui/line.ts';
import { Row } from '../../ui/row.tsx';
import { guideLines } from './guide-lines.ts';
import type { Rectangle } from './layout.ts';

export type GuideViewProps = {
  readonly area: Rectangle;
  readonly guide: Guide;
  readonly features: readonly AnyFeature[];
};

const cutNote = '… more in a larger window';

/** What to do on a server that is not reached, or has nothing of ours; spaces between its parts go first. */
export function GuideView({ area, guide, features }: GuideViewProps): ReactNode {
  const connection = useStore((state) => state.connection);
  const emptySinceMs = useStore(({ screen }) => screen.emptySinceMs);
  const columns = Math.max(0, area.columns - 2);
  const lines = guideLines(guide, { connection, emptySinceMs }, features).flatMap((line) =>
    wrapLine(line, columns),
  );
  const isTight = lines.length > area.rows;
  const close = isTight ? lines.filter(({ spans }) => spans.length > 0) : lines;
  const kept =
    close.length > area.rows
      ? [
          ...close.slice(0, Math.max(0, area.rows - 1)),
          { spans: [{ text: cutNote, tone: 'muted' as const }] },
        ]
      : close;
  return (
    <Box position="absolute" left={area.left} top={area.top} flexDirection="column">
      {kept.map(({ spans }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Row key={index} columns={area.columns} spans={[' ', ...spans]} />
      ))}
    </Box>
  );
}
