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

const toneOf: Readonly<Record<'info' | 'good' | 'bad', Tone>> = { info: 'text', good: 'text', bad: 'bad' };

/** The last line: a question, what just happened, or what the keys do. */
export function StatusLine({ columns, loaded }: StatusLineProps): ReactNode {
  const mode = useStore((state) => state.screen.mode);
  const status = useStore((state) => state.screen.status);
  const past = useStore((state) => state.past);
  const guide = useStore(({ screen }) => screen.guide);
  const isEmpty = useStore(
    ({ screen: { guide, emptySinceMs, focus } }) => guide === 'unused' || emptySinceMs[focus] !== undefined,
  );
  const focus = useStore((state) => state.screen.focus);
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
  const left = status
    ? said
    : hintSpans(
        hintsFor(mode, feature, loaded.length, { past, guide, isEmpty }),
        inner,
        mode.name === 'browse' ? helpHint : undefined,
      );
  return <Row columns={columns} spans={[' ', ...cut(left, inner)]} right={[' ']} />;
}

type Asking = { readonly label: string; readonly line: { readonly text: string; readonly cursor: number } };

function askingOf(label: string | undefined, mode: State['screen']['mode']): Asking | undefined {
  if (mode.name === 'palette') return { label: mode.isFinder ? 'find ›' : ':', line: mode.line };
  if (mode.name === 'filter') return { label: '/', line: mode.line };
  if (mode.name === 'output' && mode.line) return { label: '/', line: mode.line };
  if (mode.name === 'save') return { label: 'save the panes as view ›', line: mode.line };
  if (mode.name === 'note') {
    return { label: mode.act === 'ack' ? 'on it, note ›' : 'put it off for ›', line: mode.line };
  }
  if (mode.name === 'ask' && label !== undefined) return { label, line: mode.line };
}

/** The label with room behind it for what is typed. */
function labelOf(label: string, columns: number): string {
  const most = Math.max(0, columns - Math.min(20, Math.floor(columns / 3)));
  return ` ${truncate(sanitise(label), Math.max(0, most - 1))}`;
}
