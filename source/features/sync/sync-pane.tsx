import type { ReactNode } from 'react';
import { counted, formatBytes, formatCount } from '../../ui/format.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Span, Tone } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import { shownTime } from '../../ui/times.ts';
import type { PaneProps } from '../feature.ts';
import {
  type Condition,
  conditionText,
  resumeFlags,
  type SyncSlice,
  syncList,
  type Target,
} from './state.ts';

const tones: Readonly<Record<Condition, Tone>> = {
  live: 'text',
  idle: 'muted',
  failing: 'warn',
  halted: 'bad',
  retrying: 'bad',
  down: 'bad',
};

/** From this width on a target takes one line of a table. */
const tableColumns = 50;

/** One line a target; below it what the chosen one did last and what events missed. */
export function SyncPane(props: PaneProps<SyncSlice>): ReactNode {
  return (
    <ListPane
      {...props}
      list={syncList}
      table={table}
      narrow={{ below: tableColumns, lines: narrowOf }}
      about={detailsOf}
      details={(target) => [
        fact('state', conditionText(target.condition)),
        fact('from', target.base),
        fact('channel', target.channel),
        fact('queued', formatCount(target.queued)),
        fact('synced', counted(target.synced, 'file')),
        ...detailsOf(target),
      ]}
      tail={props.slice.wrong.map((text) => ({ spans: [{ text, tone: 'bad' as const }] }))}
      empty={props.slice.targets === undefined ? ['Not read yet'] : undefined}
    />
  );
}

const table: readonly Column<Target>[] = [
  {
    heading: 'state',
    keepsWord: true,
    field: 'state',
    cell: ({ condition }) => ({ text: conditionText(condition), tone: tones[condition] }),
  },
  {
    heading: 'target',
    field: 'target',
    isName: true,
    max: 40,
    keepsEnd: true,
    cell: ({ target }) => target,
  },
  { heading: 'queued', field: 'queued', align: 'right', cell: ({ queued }) => formatCount(queued) },
  { heading: 'synced', field: 'synced', align: 'right', drop: 2, cell: ({ synced }) => formatCount(synced) },
  { heading: 'failed', field: 'failed', align: 'right', drop: 1, cell: ({ failed }) => formatCount(failed) },
  {
    heading: 'missed',
    field: 'missed',
    align: 'right',
    drop: 3,
    cell: ({ missedByEvents }) => formatCount(missedByEvents),
  },
  { heading: 'from', field: 'from', drop: 4, max: 40, keepsEnd: true, cell: ({ base }) => base },
  { heading: 'channel', field: 'channel', drop: 5, cell: ({ channel }) => channel },
];

function narrowOf(target: Target): readonly Line[] {
  const { condition, queued, synced, failed, missedByEvents } = target;
  const state = conditionText(condition);
  const figures = [
    `${formatCount(synced)} synced`,
    ...(failed > 0 ? [`${formatCount(failed)} failed`] : []),
    ...(missedByEvents > 0 ? [`${formatCount(missedByEvents)} missed`] : []),
  ];
  return [
    {
      spans: [{ text: `${state.padEnd(8)} `, tone: tones[condition] }, target.target],
      named: 1,
      right: [queued === 0 ? '' : ` ${formatCount(queued)} queued`],
    },
    { spans: [`  ${figures.join('  ')}`] },
  ];
}

function detailsOf(target: Target): readonly Line[] {
  const { lastBatchAt, lastFiles, lastBytes, lastFullAt, missedByEvents, failed, refused, error } = target;
  const { halted, failures, leftOut, notKept } = target;
  const lines: (readonly Span[])[] = [];
  if (halted !== null) {
    lines.push([{ text: `halted since ${shownTime(halted.sinceMs)}: ${halted.message}`, tone: 'bad' }]);
    const flags = resumeFlags(halted);
    if (flags !== undefined)
      lines.push([{ text: `if it is meant: c, or sync resume … ${flags} --yes`, tone: 'warn' }]);
    const [first] = halted.sample;
    if (first !== undefined) lines.push([{ text: `such as ${halted.sample.join(', ')}`, tone: 'muted' }]);
  }
  if (target.state !== 'live') lines.push([unserved(target)]);
  if (error !== null) lines.push([{ text: error, tone: 'bad' }]);
  if (failed > 0) {
    lines.push([{ text: `${counted(failed, 'path')} could not be copied: tried again`, tone: 'warn' }]);
    for (const { path, reason } of failures) lines.push([{ text: `${path}: ${reason}`, tone: 'warn' }]);
  }
  if (refused > 0) {
    const why = refused === 1 ? 'was refused: it leads' : 'were refused: they lead';
    lines.push([{ text: `${counted(refused, 'path')} ${why} out of the base`, tone: 'warn' }]);
  }
  lines.push(
    lastBatchAt === null
      ? ['no batch yet']
      : [`last batch ${shownTime(lastBatchAt)}  ${counted(lastFiles, 'file')} ${formatBytes(lastBytes)}`],
  );
  const missed: Span = {
    text: `${formatCount(missedByEvents)} missed by events`,
    tone: missedByEvents > 0 ? 'warn' : 'text',
  };
  lines.push(
    lastFullAt === null
      ? ['not compared in full yet']
      : [`compared in full ${shownTime(lastFullAt)}  `, missed],
  );
  if (leftOut > 0)
    lines.push([{ text: `${counted(leftOut, 'symlink')} not copied: out of the base`, tone: 'muted' }]);
  if (notKept !== null && notKept !== '')
    lines.push([{ text: `not kept at the target: ${notKept}`, tone: 'muted' }]);
  return lines.map((spans) => ({ spans }));
}

function unserved({ queued }: Target): Span {
  const again = 'start its `quarterdeck sync run` again';
  if (queued === 0) return { text: `nobody serves this target: ${again}`, tone: 'muted' };
  const waiting = `${counted(queued, 'change')} ${queued === 1 ? 'waits' : 'wait'}`;
  return { text: `nobody serves this target and ${waiting}: ${again}`, tone: 'bad' };
}
