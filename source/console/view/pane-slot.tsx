import { Component, memo, type ReactNode, useMemo } from 'react';
import { messageOf } from '../../errors.ts';
import type { State } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { FadedContext } from '../../ui/faded-context.ts';
import { MarksContext } from '../../ui/marks-context.ts';
import { nothingLines } from '../../ui/nothing.ts';
import { NothingContext } from '../../ui/nothing-context.ts';
import { PaneFrame, type PaneFrameInfo } from '../../ui/pane-frame.tsx';
import { Row, type Span, type Tone } from '../../ui/row.tsx';
import { digitOf } from '../input/keymap.ts';
import type { LoadedFeature } from './app.tsx';
import { lookingOf } from './guide-lines.ts';
import { innerOf, type Tile } from './layout.ts';
import { markOf, markTone } from './needs-line.tsx';
import { isAnswering, isOldPane, paneNote, paneNow } from './status-text.ts';

export type PaneSlotProps = {
  readonly loaded: LoadedFeature;
  /** Its place among the panes; undefined when there is no other. */
  readonly place: number | undefined;
  readonly tile: Tile;
  readonly focused: boolean;
  readonly zoomed: boolean;
  /** Up to when ages are painted: with another one it is painted again. */
  readonly moment: number;
};

/** One feature's frame and pane, painted again only when its own slice, freshness or typing changed. */
export const PaneSlot = memo(function PaneSlot({
  loaded,
  place,
  tile,
  focused,
  zoomed,
}: PaneSlotProps): ReactNode {
  const { feature, Pane } = loaded;
  const { noun } = feature;
  const slice = useStore((state) => state.slices[noun]);
  const note = useStore((state) => paneNote(state, feature).text);
  const tone = useStore((state) => paneNote(state, feature).tone);
  const nowMs = useStore((state) => (feature.ticks?.(state.slices[noun]) ? paneNow(state, feature) : 0));
  const isOld = useStore((state) => isOldPane(state, feature));
  const error = useStore((state) => errorOf(state, noun));
  const typing = useStore((state) => typingOf(state, noun));
  const marks = useStore((state) => state.marks[noun]);
  const nothing = useStore((state) => nothingOf(state, feature));
  const said = useMemo(() => nothing.split('\n'), [nothing]);
  const { columns, rows } = innerOf(tile);
  const isSticky = typing && feature.keys[typing.binding]?.ask?.sticky === true;
  const frame: PaneFrameInfo = {
    title: titleOf(place, noun, feature.headline(slice), marks),
    note: note === 'live' ? undefined : { text: note, tone },
    error,
    columns: tile.columns,
    rows: tile.rows,
    focused,
    bare: !tile.framed,
  };
  return (
    <Guard frame={frame} columns={columns}>
      <FadedContext value={isOld}>
        <MarksContext value={marks?.rows ?? noRows}>
          <NothingContext value={said}>
            <Pane
              slice={slice}
              frame={frame}
              nowMs={nowMs}
              columns={columns}
              rows={rows}
              focused={focused}
              zoomed={zoomed}
              typing={isSticky ? typing.line : undefined}
            />
          </NothingContext>
        </MarksContext>
      </FadedContext>
    </Guard>
  );
});

const noRows = {};

/** As text, which the store compares by itself. */
function nothingOf({ connection, screen }: State, feature: LoadedFeature['feature']): string {
  const { emptySinceMs } = screen;
  if (!feature.nothing || emptySinceMs[feature.noun] === undefined) return '';
  return nothingLines(feature.nothing, lookingOf({ connection, emptySinceMs }, feature)).join('\n');
}

function titleOf(
  place: number | undefined,
  noun: string,
  headline: string,
  marks: State['marks'][string] | undefined,
): readonly Span[] {
  const digit = place === undefined ? undefined : digitOf(place);
  const mark = markOf(marks);
  return [
    { text: digit === undefined ? noun : `${digit} ${noun}`, tone: 'strong' as const },
    ...(mark === '' ? [] : [{ text: ` ${mark}`, bold: true, tone: markTone(marks) }]),
    ...(headline === '' ? [] : [`  ${headline}`]),
  ];
}

function errorOf({ freshness, connection }: State, noun: string): string | undefined {
  const known = freshness[noun];
  return known?.name === 'failed' && isAnswering(connection) ? known.error : undefined;
}

/** The mode itself, so that the same typing is the same value. */
function typingOf({ screen: { mode } }: State, noun: string) {
  return mode.name === 'ask' && mode.noun === noun ? mode : undefined;
}

type GuardProps = {
  readonly frame: PaneFrameInfo;
  readonly columns: number;
  readonly children: ReactNode;
};

/** A pane that throws shows it in its own frame; the others stay. */
class Guard extends Component<GuardProps, { readonly error: string | undefined }> {
  override state = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: string } {
    return { error: messageOf(error) };
  }

  override componentDidUpdate(before: GuardProps): void {
    // New data may paint again.
    if (this.state.error !== undefined && before.children !== this.props.children)
      this.setState({ error: undefined });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const { frame, columns } = this.props;
    return (
      <PaneFrame frame={frame}>
        <Row columns={columns} spans={[{ text: `This pane failed: ${error}`, tone: bad }]} />
      </PaneFrame>
    );
  }
}

const bad: Tone = 'bad';
