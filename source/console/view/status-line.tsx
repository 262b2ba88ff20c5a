import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { State } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { Prompt } from '../../ui/prompt.tsx';
import { cut, Row, type Span, type Tone } from '../../ui/row.tsx';
import { sanitise, truncate, width } from '../../ui/text.ts';
import type { LoadedFeature } from './app.tsx';
import { helpHint, hintSpans, hintsFor } from './hints.ts';

export type StatusLineProps = { readonly columns: number; readonly loaded: readonly LoadedFeature[] };

const toneOf: Readonly<Record<'info' | 'good' | 'bad', Tone>> = { info: 'plain', good: 'good', bad: 'bad' };

/** The last line: a question, what just happened, or what the keys do; at its right what needs a human. */
export function StatusLine({ columns, loaded }: StatusLineProps): ReactNode {
  const mode = useStore((state) => state.screen.mode);
  const status = useStore((state) => state.screen.status);
  const focus = useStore((state) => state.screen.focus);
  const alerts = useStore((state) => alertsOf(state, loaded));
  const feature = loaded.find((one) => one.feature.noun === focus)?.feature;
  const noun = feature?.noun ?? '';
  const slice = useStore((state) => state.slices[noun]);
  const inner = columns - 2;

  const binding = mode.name === 'ask' ? feature?.keys[mode.binding] : undefined;
  const asking = askingOf(
    mode.name === 'ask' && !binding?.ask?.sticky ? binding?.ask?.label(slice) : undefined,
    mode,
  );
  const said: Span[] = status ? [{ text: status.text, tone: toneOf[status.tone] }] : [];
  if (asking) {
    const [piece] = cut(said, Math.floor(columns / 2));
    const taken = piece ? width(piece.text) + 2 : 0;
    const room = columns - taken;
    return (
      <Box>
        <Prompt label={labelOf(asking.label, room)} line={asking.line} columns={room} />
        {piece && <Row columns={taken} spans={[' ', piece]} />}
      </Box>
    );
  }
  // What just happened is told in full, if need be instead of what goes on.
  const told = status ? width(sanitise(status.text)) + 2 : Math.ceil(inner / 2);
  const space = inner - told;
  const right = space < leastForAlerts ? [] : alertSpans(alerts === '' ? [] : alerts.split('\n'), space);
  const taken = right.reduce((sum, span) => sum + width(typeof span === 'string' ? span : span.text), 0);
  const room = inner - taken - (taken > 0 ? 2 : 0);
  const left = status
    ? said
    : hintSpans(hintsFor(mode, feature, loaded.length), room, mode.name === 'browse' ? helpHint : undefined);
  return <Row columns={columns} spans={[' ', ...cut(left, room)]} right={[...right, ' ']} />;
}

const leastForAlerts = 15;

type Asking = { readonly label: string; readonly line: { readonly text: string; readonly cursor: number } };

function askingOf(label: string | undefined, mode: State['screen']['mode']): Asking | undefined {
  if (mode.name === 'palette') return { label: ':', line: mode.line };
  if (mode.name === 'filter') return { label: '/', line: mode.line };
  if (mode.name === 'ask' && label !== undefined) return { label, line: mode.line };
}

/** The label with room behind it for what is typed. */
function labelOf(label: string, columns: number): string {
  const most = Math.max(0, columns - Math.min(20, Math.floor(columns / 3)));
  return ` ${truncate(sanitise(label), Math.max(0, most - 1))}`;
}

/** One string, so that the same alerts are the same value. */
function alertsOf({ slices, freshness, screen }: State, loaded: readonly LoadedFeature[]): string {
  return loaded
    .flatMap(({ feature }) => {
      const { noun } = feature;
      const failure =
        freshness[noun]?.name === 'failed' ? [`${noun} not read: ${freshness[noun]?.error}`] : [];
      return [...failure, ...(feature.alerts?.(slices[noun], screen.nowMs) ?? [])];
    })
    .join('\n');
}

/** `! topic.lag > 1000  ! ship.stalled`, then how many more there are. */
function alertSpans(alerts: readonly string[], columns: number): readonly Span[] {
  const spans: Span[] = [];
  let room = columns;
  for (const [index, alert] of alerts.entries()) {
    const text = `${index === 0 ? '' : '  '}! ${alert}`;
    const more = `  +${alerts.length - index}`;
    if (width(text) + width(more) > room && index > 0) {
      spans.push({ text: more, tone: 'bad', bold: true });
      break;
    }
    spans.push(...cut([{ text, tone: 'bad', bold: true }], room));
    room -= width(text);
  }
  return spans;
}
