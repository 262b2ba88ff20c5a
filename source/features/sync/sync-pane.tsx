import { Box } from 'ink';
import type { ReactNode } from 'react';
import { counted, formatBytes, formatClock, formatCount } from '../../ui/format.ts';
import { Row, type Span, type Tone } from '../../ui/row.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { type Condition, conditionText, resumeFlags, type SyncSlice, type Target } from './state.ts';

const tones: Readonly<Record<Condition, Tone>> = {
  live: 'good',
  idle: 'dim',
  failing: 'warn',
  halted: 'bad',
  retrying: 'bad',
  down: 'bad',
};

/** One line a target; below it what the selected one did last and what events missed. */
export function SyncPane({ slice, columns, rows, focused, zoomed }: PaneProps<SyncSlice>): ReactNode {
  const chosen = slice.targets[slice.selected];
  const details = chosen ? detailsOf(chosen).slice(0, Math.max(0, rows - 2)) : [];
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Table
        columns={tableColumns}
        items={slice.targets}
        width={columns}
        height={rows - details.length}
        selected={focused ? slice.selected : undefined}
        lines={zoomed && rows > slice.targets.length * 2 + 8}
        empty="Nothing is synced: quarterdeck sync run"
      />
      {details.map((spans, index) => (
        // The lines have no identity of their own: they are what the selected target has to say.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Row key={index} columns={columns} spans={spans} />
      ))}
    </Box>
  );
}

const tableColumns: readonly Column<Target>[] = [
  { heading: 'target', max: 40, keepsEnd: true, cell: ({ target }) => target },
  {
    heading: 'state',
    cell: ({ condition }) => ({ text: conditionText(condition), tone: tones[condition] }),
  },
  { heading: 'queued', align: 'right', cell: ({ queued }) => formatCount(queued) },
  { heading: 'synced', align: 'right', drop: 2, cell: ({ synced }) => formatCount(synced) },
  { heading: 'failed', align: 'right', drop: 1, cell: ({ failed }) => formatCount(failed) },
  { heading: 'missed', align: 'right', drop: 3, cell: ({ missedByEvents }) => formatCount(missedByEvents) },
  { heading: 'from', drop: 4, max: 40, keepsEnd: true, cell: ({ base }) => base },
  { heading: 'channel', drop: 5, cell: ({ channel }) => channel },
];

function detailsOf(target: Target): (readonly Span[])[] {
  const { lastBatchAt, lastFiles, lastBytes, lastFullAt, missedByEvents, failed, refused, error } = target;
  const { halted, failures, leftOut, notKept } = target;
  const lines: (readonly Span[])[] = [];
  if (halted !== null) {
    lines.push([{ text: `halted since ${formatClock(halted.sinceMs)}: ${halted.message}`, tone: 'bad' }]);
    lines.push([{ text: `if it is meant: r, or sync resume … ${resumeFlags(halted)} --yes`, tone: 'warn' }]);
    const [first] = halted.sample;
    if (first !== undefined) lines.push([{ text: `such as ${halted.sample.join(', ')}`, tone: 'dim' }]);
  }
  if (target.state !== 'live') lines.push([unserved(target)]);
  if (error !== null) lines.push([{ text: error, tone: 'bad' }]);
  lines.push(
    lastBatchAt === null
      ? ['no batch yet']
      : [`last batch ${formatClock(lastBatchAt)}  ${counted(lastFiles, 'file')} ${formatBytes(lastBytes)}`],
  );
  const missed: Span = {
    text: `${formatCount(missedByEvents)} missed by events`,
    tone: missedByEvents > 0 ? 'warn' : 'plain',
  };
  lines.push(
    lastFullAt === null
      ? ['not compared in full yet']
      : [`compared in full ${formatClock(lastFullAt)}  `, missed],
  );
  if (failed > 0) {
    lines.push([{ text: `${counted(failed, 'path')} could not be copied: tried again`, tone: 'warn' }]);
    for (const { path, reason } of failures) lines.push([{ text: `${path}: ${reason}`, tone: 'warn' }]);
  }
  if (refused > 0) {
    const why = refused === 1 ? 'was refused: it leads' : 'were refused: they lead';
    lines.push([{ text: `${counted(refused, 'path')} ${why} out of the base`, tone: 'warn' }]);
  }
  if (leftOut > 0)
    lines.push([{ text: `${counted(leftOut, 'symlink')} not copied: out of the base`, tone: 'dim' }]);
  if (notKept !== null && notKept !== '')
    lines.push([{ text: `not kept at the target: ${notKept}`, tone: 'dim' }]);
  return lines;
}

function unserved({ queued }: Target): Span {
  const again = 'start its `quarterdeck sync run` again';
  if (queued === 0) return { text: `nobody serves this target: ${again}`, tone: 'dim' };
  const waiting = `${counted(queued, 'change')} ${queued === 1 ? 'waits' : 'wait'}`;
  return { text: `nobody serves this target and ${waiting}: ${again}`, tone: 'bad' };
}
