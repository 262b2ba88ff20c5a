import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { AnyFeature } from '../../features/index.ts';
import { needSentence, type OpenNeed } from '../../need.ts';
import type { Mode } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { windowStart } from '../../ui/columns.ts';
import { formatAge } from '../../ui/format.ts';
import { Frame } from '../../ui/frame.tsx';
import { frameCells } from '../../ui/frame-cells.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { padEnd, sanitise, truncate, width, wrap } from '../../ui/text.ts';
import { shownTime } from '../../ui/times.ts';
import { digitOf } from '../input/keymap.ts';
import type { Rectangle } from './layout.ts';
import { needTone } from './needs-line.tsx';

export type NeedsViewProps = {
  readonly mode: Extract<Mode, { name: 'needs' | 'note' }>;
  readonly area: Rectangle;
  readonly features: readonly AnyFeature[];
};

/** Everything that needs a human, the most urgent first, and whole what the chosen one says. */
export function NeedsView({ mode, area, features }: NeedsViewProps): ReactNode {
  const needs = useStore((state) => state.needs);
  const nowMs = useStore((state) => state.screen.nowMs);
  const columns = Math.max(0, area.columns - frameCells.columns);
  const most = Math.max(1, area.rows - frameCells.rows);
  const wanted = mode.name === 'needs' ? mode.selected : mode.id;
  const found = needs.findIndex(({ id }) => id === wanted);
  const chosen = Math.max(0, found);
  const need = needs[chosen];
  const lines = need ? wrap(sanitise(`${needSentence(need)}${ackWords(need)}`), columns) : [];
  const details = most >= 8 ? lines.slice(0, 4) : [];
  const count = Math.max(1, Math.min(needs.length, most - (details.length > 0 ? details.length + 1 : 0)));
  const start = windowStart(needs.length, count, chosen);
  const acked = needs.filter(({ ack }) => ack).length;
  const rows = Math.min(most, count + (details.length > 0 ? details.length + 1 : 0)) + frameCells.rows;
  const nouns = features.map(({ noun }) => noun);
  return (
    <Box position="absolute" left={area.left} top={area.top}>
      <Frame
        title={[
          { text: 'needs', bold: true },
          `  ${needs.length - acked} open${acked > 0 ? `  ${acked} acked` : ''}`,
        ]}
        position={needs.length > count ? `${start + 1}-${start + count} of ${needs.length}` : undefined}
        columns={area.columns}
        rows={rows}
        focused
      >
        {needs.length === 0 && <Row columns={columns} spans={['Nothing needs anybody']} />}
        {needs.slice(start, start + count).map((one, index) => (
          <NeedRow
            key={one.id}
            need={one}
            digit={digitOf(nouns.indexOf(one.feature)) ?? ''}
            columns={columns}
            isChosen={start + index === chosen}
            nowMs={nowMs}
          />
        ))}
        {details.length > 0 && <Row columns={columns} spans={[]} />}
        {details.map((text, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
          <Row key={index} columns={columns} spans={[text]} />
        ))}
      </Frame>
    </Box>
  );
}

type NeedRowProps = {
  readonly need: OpenNeed;
  readonly digit: string;
  readonly columns: number;
  readonly isChosen: boolean;
  readonly nowMs: number;
};

function NeedRow({ need, digit, columns, isChosen, nowMs }: NeedRowProps): ReactNode {
  const { severity, feature, name, words, sinceMs, ack } = need;
  const word = ack ? '✓' : severity;
  const tone = ack ? 'text' : needTone[severity];
  const place = digit === '' ? feature : `${digit} `;
  const named = Math.max(8, Math.min(24, Math.floor(columns / 4)));
  const about: Span[] = [
    { text: isChosen ? '> ' : '  ', bold: true },
    { text: padEnd(word, 5), tone, bold: severity === 'bad' && !ack },
    `${place}`,
    { text: padEnd(truncate(sanitise(name), named), named), bold: isChosen, underline: isChosen },
    `  ${name === words ? '' : words}`,
  ];
  const since = sinceMs === undefined ? '' : `for ${formatAge(Math.max(0, nowMs - sinceMs))}`;
  const right = ack ? `${ack.by}, until ${shownTime(ack.untilMs)}` : since;
  const kept = width(right) + 2 < columns / 2 ? right : '';
  return <Row columns={columns} spans={about} right={kept === '' ? [] : [`  ${kept}`]} />;
}

function ackWords({ ack }: OpenNeed): string {
  if (!ack) return '';
  return `  ✓ ${ack.by}${ack.note === '' ? '' : `: ${ack.note}`}, until ${shownTime(ack.untilMs)}`;
}
