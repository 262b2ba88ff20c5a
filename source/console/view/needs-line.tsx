import type { ReactNode } from 'react';
import type { AnyFeature } from '../../features/index.ts';
import { needSentence, type OpenNeed, type Severity } from '../../need.ts';
import type { State } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { cut, Row, type Span, type Tone } from '../../ui/row.tsx';
import { sanitise, truncateStart, width } from '../../ui/text.ts';
import { digitOf } from '../input/keymap.ts';

export const needTone: Readonly<Record<Severity, Tone>> = { bad: 'bad', warn: 'warn' };

export type NeedsLineProps = { readonly columns: number; readonly features: readonly AnyFeature[] };

/** Line 2: how much needs a human, then what, the most urgent first, and how many more there are. */
export function NeedsLine({ columns, features }: NeedsLineProps): ReactNode {
  const needs = useStore((state) => state.past?.needsNow ?? state.needs);
  const isNow = useStore((state) => state.past?.needsNow !== undefined);
  const unread = useStore((state) => unreadOf(state));
  const called = useStore((state) => calledIn(state, features));
  const isUnused = useStore(({ screen }) => screen.guide === 'unused');
  const nouns = features.map(({ noun }) => noun);
  // What stands below is of another moment; this is not.
  const now: readonly Span[] = isNow ? [{ text: ' now:', bold: true }] : [];
  const room = columns - cells(now);
  return (
    <Row
      columns={columns}
      spans={[...now, ...needSpans(needs, { nouns, unread, isUnused, called, columns: room })]}
    />
  );
}

/** How many messages call the operator, by the digit of their pane. */
function calledIn({ slices }: State, features: readonly AnyFeature[]): string {
  return features
    .map(({ noun, calls }, index) => [digitOf(index) ?? noun, calls?.(slices[noun]) ?? 0] as const)
    .flatMap(([place, count]) => (count > 0 ? [`${place} @${count}`] : []))
    .join(' ');
}

/** How many panes have not been read yet: until then nobody knows that nothing is wrong. */
function unreadOf({ freshness }: State): number {
  return Object.values(freshness).filter(({ name }) => name === 'waiting').length;
}

type Around = {
  readonly nouns: readonly string[];
  readonly unread: number;
  /** The server has nothing of any feature. */
  readonly isUnused?: boolean;
  /** Which panes have messages that call the operator, and how many: `1 @2`. */
  readonly called?: string;
  readonly columns: number;
};

export function needSpans(
  needs: readonly OpenNeed[],
  { nouns, unread, isUnused = false, called = '', columns }: Around,
): readonly Span[] {
  const open = needs.filter(({ ack }) => !ack);
  const acked = needs.length - open.length;
  const isRead = unread === 0;
  const [worst] = open;
  const count: Span[] = worst
    ? [
        {
          text: ` ! ${open.length} ${open.length === 1 ? 'needs' : 'need'} you`,
          tone: needTone[worst.severity],
          bold: true,
        },
      ]
    : [
        { text: isRead ? ' nothing needs you' : ' not all read yet', tone: 'muted' },
        ...(isUnused
          ? [{ text: '   nothing of Quarterdeck on this server yet', tone: 'muted' } as const]
          : []),
      ];
  const end: Span[] = [
    ...(called === '' ? [] : [{ text: `   ${called}`, tone: 'mark' } as const]),
    ...(acked > 0 ? [{ text: `   ${acked} acked`, tone: 'muted' } as const] : []),
  ];
  let room = columns - cells(count) - cells(end) - 1;
  const shown: Span[] = [];
  for (const [index, need] of open.entries()) {
    const digit = digitOf(nouns.indexOf(need.feature));
    const place = digit === undefined ? '' : `${digit} `;
    const piece: Span[] = [
      `   ${place}`,
      { text: shortSentence(need, columns), tone: needTone[need.severity], bold: need.severity === 'bad' },
    ];
    const rest = open.length - index;
    const more: Span[] = rest > 1 ? [{ text: `   +${rest - 1}`, bold: true }] : [];
    if (cells(piece) + cells(more) > room) {
      // Of the first there is as much as there is room for; of the others how many they are.
      shown.push(
        ...(index === 0
          ? [...cut(piece, room - cells(more)), ...more]
          : [{ text: `   +${rest}`, bold: true }]),
      );
      break;
    }
    room -= cells(piece);
    shown.push(...piece);
  }
  return [...count, ...shown, ...end];
}

/** With the end of a long name, so that what is wrong with it has room. */
function shortSentence({ name, words }: OpenNeed, columns: number): string {
  const most = Math.max(12, Math.floor(columns / 3));
  return sanitise(needSentence({ name: name === words ? name : truncateStart(sanitise(name), most), words }));
}

function cells(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + width(typeof span === 'string' ? span : span.text), 0);
}

/** `!2` on the title and the tab of a pane; `✓` where somebody is on all of it. */
export function markOf(marks: State['marks'][string] | undefined): string {
  if (!marks) return '';
  const { bad, warn, acked } = marks;
  return bad + warn > 0 ? `!${bad + warn}` : acked > 0 ? '✓' : '';
}

export function markTone(marks: State['marks'][string] | undefined): Tone {
  if (!marks) return 'text';
  return marks.bad > 0 ? 'bad' : marks.warn > 0 ? 'warn' : 'muted';
}
