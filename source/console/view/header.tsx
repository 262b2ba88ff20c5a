import type { ReactNode } from 'react';
import type { Config } from '../../config.ts';
import type { State } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { formatBytes, formatShort } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { truncateStart, width } from '../../ui/text.ts';
import { currentTimes, zonedClock, zoneName } from '../../ui/times.ts';
import { connectionWords, isAnswering, pastWords } from './status-text.ts';

export type HeaderProps = {
  readonly columns: number;
  readonly context: Config['context'];
  /** How much needs a human stands here, as there is no line for it. */
  readonly counts: boolean;
};

/** Where we are and how it is: one line, from which the least important goes first when room is short. */
export function Header({ columns, context, counts }: HeaderProps): ReactNode {
  const connection = useStore((state) => state.connection);
  const server = useStore((state) => state.server);
  const own = useStore((state) => state.ownCommandsPerSecond);
  const past = useStore((state) => state.past);
  const words = useStore((state) => connectionWords(state.connection, state.screen.nowMs));
  const clock = useStore(clockWords);
  const isReadOnly = useStore(({ screen }) => screen.isReadOnly);
  const open = useStore(({ needs, past }) =>
    counts ? (past?.needsNow ?? needs).filter(({ ack }) => !ack).length : 0,
  );
  const segments = [
    ...(open > 0 ? [{ rank: 0, spans: [{ text: `! ${open}`, bold: true, tone: 'bad' } as const] }] : []),
    ...(context ? [{ rank: 0, spans: [placeOf(context)] }] : []),
    ...(past ? [{ rank: 0, spans: [{ text: ` ${pastWords(past)} `, inverse: true, bold: true }] }] : []),
    ...segmentsOf({ connection, words, server, own, isPast: past !== undefined }),
    // Last of all: nothing is left out for it, unless times are not what one takes them for.
    ...(clock === ''
      ? []
      : [{ rank: currentTimes() === 'local' ? 8 : 1, spans: [{ text: clock, tone: 'muted' } as const] }]),
    ...(isReadOnly ? [{ rank: 1, spans: [{ text: 'read-only', bold: true, tone: 'warn' } as const] }] : []),
  ];
  return <Row columns={columns} spans={chosen(segments, columns)} />;
}

/** `15:53 UTC`, `15:53 UTC+1, ages`: of which zone the times here are. Of another moment its own clock tells. */
function clockWords({ past, screen }: State): string {
  if (past) return '';
  const ages = currentTimes() === 'age' ? ', ages' : '';
  return `${zonedClock(screen.nowMs)} ${zoneName(screen.nowMs)}${ages}`;
}

/** `PRODUCTION prod-eu`, so that nobody takes it for another. */
function placeOf({ name, production }: NonNullable<Config['context']>): Span {
  return production
    ? { text: ` PRODUCTION ${name} `, inverse: true, bold: true }
    : { text: name, tone: 'strong' };
}

/** `rank`: 0 always stays, the highest goes first. */
type Segment = { readonly rank: number; readonly spans: readonly Span[] };

type Known = Pick<State, 'connection' | 'server'> & {
  readonly words: string;
  readonly own: number;
  /** It is of another moment than now: then nothing of it is called live. */
  readonly isPast: boolean;
};

function segmentsOf({ connection, words, server, own, isPast }: Known): readonly Segment[] {
  const isLive = isAnswering(connection) && !isPast;
  const { servers = 1 } = connection;
  const place = servers > 1 ? `shard 0 of ${servers} ` : '';
  const wasLive = isPast && isAnswering(connection);
  const known: Segment[] = [
    { rank: 7, spans: [{ text: 'quarterdeck', tone: 'strong' }] },
    { rank: 4, spans: [`${place}${truncateStart(connection.url.replace(/^redis:\/\/|\/$/g, ''), 32)}`] },
    ...(wasLive ? [] : [{ rank: 0, spans: [{ text: words, tone: isLive ? 'strong' : 'bad' } as const] }]),
  ];
  if (!server) return known;
  const { usedBytes, maxBytes = 0, commandsPerSecond } = server;
  const limit = maxBytes > 0 ? ` of ${formatBytes(maxBytes)}` : '';
  const used = usedBytes === undefined ? unknown : formatBytes(usedBytes);
  const rate = commandsPerSecond === undefined ? unknown : formatShort(commandsPerSecond);
  const figures: Segment[] = [
    { rank: 5, spans: [`${server.program ?? 'redis'} ${server.version} ${server.role}`.trimEnd()] },
    { rank: 2, spans: [`mem ${used}${limit}`] },
    { rank: 3, spans: [`${rate} cmd/s`] },
  ];
  if (own > 0) figures.push({ rank: 6, spans: [`we ask ${Math.round(own)}/s`] });
  if (limit !== '' && usedBytes !== undefined) {
    figures.splice(2, 0, { rank: 5.5, spans: gauge(usedBytes / maxBytes, 8) });
  }
  return [...known, ...(isLive ? figures : figures.map(dimmed))];
}

const unknown = '–';

/** What was true when we last heard is shown, but quietly. */
function dimmed({ rank, spans }: Segment): Segment {
  return {
    rank,
    spans: spans.map((span) => ({
      ...(typeof span === 'string' ? { text: span } : span),
      tone: 'muted' as const,
    })),
  };
}

const gap = '   ';

function chosen(segments: readonly Segment[], columns: number): readonly Span[] {
  const cells = ({ spans }: Segment): number =>
    spans.reduce((sum, span) => sum + width(typeof span === 'string' ? span : span.text), gap.length);
  const shown = new Set<Segment>();
  let room = columns + gap.length - 1;
  for (const segment of segments.toSorted((one, other) => one.rank - other.rank)) {
    if (cells(segment) > room && segment.rank > 0) break;
    room -= cells(segment);
    shown.add(segment);
  }
  const kept = segments.filter((segment) => shown.has(segment));
  return [' ', ...kept.flatMap(({ spans }, index) => (index === 0 ? spans : [gap, ...spans]))];
}
