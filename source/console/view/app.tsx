import { Box } from 'ink';
import { type ComponentType, type ReactNode, useMemo } from 'react';
import type { CommandTable } from '../../commands/palette.ts';
import type { Config } from '../../config.ts';
import type { PaneProps } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { State, View } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { Row, type Span, type Tone } from '../../ui/row.tsx';
import { width } from '../../ui/text.ts';
import { currentTimes, setMoment } from '../../ui/times.ts';
import { digitOf } from '../input/keymap.ts';
import { GuideView } from './guide.tsx';
import { Header } from './header.tsx';
import { smallest } from './layout.ts';
import { layoutOf } from './layout-of.ts';
import { markOf, markTone, NeedsLine } from './needs-line.tsx';
import { NeedsView } from './needs-view.tsx';
import {
  ColumnsView,
  ContextsView,
  HelpView,
  OutputView,
  PaletteView,
  QuestionView,
  RelatedView,
  ViewsView,
} from './overlays.tsx';
import { PaneSlot } from './pane-slot.tsx';
import { StatusLine } from './status-line.tsx';

/** A feature whose pane has been imported. */
export type LoadedFeature = {
  readonly feature: AnyFeature;
  // biome-ignore lint/suspicious/noExplicitAny: each feature keeps its own slice type; the list is heterogeneous
  readonly Pane: ComponentType<PaneProps<any>>;
};

export type AppProps = {
  readonly loaded: readonly LoadedFeature[];
  readonly context: Config['context'];
  readonly table: () => CommandTable;
  /** All views there are. */
  readonly views: () => readonly View[];
};

/** Gives each pane its columns and rows; paints nothing wider or taller than the screen. */
export function App({ loaded, context, table, views }: AppProps): ReactNode {
  const columns = useStore(({ screen }) => screen.columns);
  const rows = useStore(({ screen }) => screen.rows);
  const focus = useStore(({ screen }) => screen.focus);
  const isZoomed = useStore(({ screen }) => screen.isZoomed);
  const mode = useStore(({ screen }) => screen.mode);
  const features = useMemo(() => loaded.map(({ feature }) => feature), [loaded]);
  const view = useStore(({ screen }) => screen.view);
  const empty = useStore(({ screen }) => screen.empty);
  const wants = useStore(({ screen }) => screen.wants);
  const guide = useStore(({ screen }) => screen.guide);
  const layout = useMemo(
    () => layoutOf({ columns, rows, focus, isZoomed, view, empty, wants, guide }, features),
    [columns, rows, features, focus, isZoomed, view, empty, wants, guide],
  );
  const moment = useStore(momentOf);
  setMoment(moment);
  if (columns < smallest.columns || rows < smallest.rows) return <TooSmall columns={columns} rows={rows} />;
  return (
    <Box width={columns} height={rows} flexDirection="column" overflow="hidden">
      <Header columns={columns} context={context} counts={!layout.needs} />
      {layout.needs && <NeedsLine columns={columns} features={features} />}
      {layout.tabs && <Tabs columns={columns} features={features} focus={focus} />}
      {layout.tiles.map((tile) => {
        const place = features.findIndex(({ noun }) => noun === tile.noun);
        const one = loaded[place];
        return (
          one && (
            <Box key={tile.noun} position="absolute" left={tile.left} top={tile.top}>
              <PaneSlot
                loaded={one}
                place={loaded.length > 1 ? place : undefined}
                tile={tile}
                focused={tile.noun === focus}
                zoomed={isZoomed}
                moment={moment}
              />
            </Box>
          )
        );
      })}
      {layout.guide && guide && <GuideView area={layout.guide} guide={guide} features={features} />}
      {layout.strip.length > 0 && (
        <Box position="absolute" left={0} top={layout.area.top + layout.area.rows}>
          <Strip columns={columns} features={features} strip={layout.strip} />
        </Box>
      )}
      {mode.name === 'views' && <ViewsView mode={mode} area={layout.area} views={views()} />}
      {mode.name === 'contexts' && <ContextsView mode={mode} area={layout.area} />}
      {mode.name === 'related' && <RelatedView mode={mode} area={layout.area} features={features} />}
      {mode.name === 'columns' && <ColumnsView mode={mode} area={layout.area} features={features} />}
      {mode.name === 'help' && (
        <HelpView mode={mode} area={layout.area} features={features} focus={focus} table={table()} />
      )}
      {mode.name === 'output' && <OutputView mode={mode} area={layout.area} />}
      {(mode.name === 'needs' || mode.name === 'note') && (
        <NeedsView mode={mode} area={layout.area} features={features} />
      )}
      {mode.name === 'confirm' && <QuestionView mode={mode} area={layout.area} />}
      {mode.name === 'palette' && <PaletteView mode={mode} area={layout.area} />}
      <Box position="absolute" left={0} top={rows - 1}>
        <StatusLine columns={columns} loaded={loaded} />
      </Box>
    </Box>
  );
}

/** Up to when ages are painted; 0 where there are none. */
function momentOf({ past, screen }: State): number {
  return currentTimes() === 'age' ? (past?.atMs ?? screen.nowMs) : 0;
}

type TabsProps = {
  readonly columns: number;
  readonly features: readonly AnyFeature[];
  readonly focus: string;
};

/** The panes by name with their marks, as far as they fit around the focused one. */
function Tabs({ columns, features, focus }: TabsProps): ReactNode {
  const marks = useStore((state) => state.marks);
  const at = features.findIndex(({ noun }) => noun === focus);
  const tabsOf = (room: TabRoom): readonly Tab[] =>
    features.map((feature, index) => tabOf(feature, index, marks, room));
  const isFitting = (tabs: readonly Tab[]): boolean =>
    tabs.reduce((sum, tab) => sum + cellsOf(tab), 0) <= columns;
  // A space less here and there lets all be seen on 80 columns.
  const tabs = [tabsOf('wide'), tabsOf('close')].find(isFitting) ?? tabsOf('dense');
  let first = 0;
  const taken = (from: number): number =>
    tabs.slice(from, at + 1).reduce((sum, tab) => sum + cellsOf(tab), from > 0 ? 1 : 0);
  while (first < at && taken(first) > columns - 1) first += 1;
  const spans = tabs
    .slice(first)
    .flatMap((tab, index): readonly Span[] =>
      index + first === at
        ? tab.map((piece) => ({ ...piece, tone: 'text', inverse: true, bold: true }))
        : tab,
    );
  return <Row columns={columns} spans={[...(first > 0 ? ['…'] : []), ...spans]} />;
}

type TabRoom = 'wide' | 'close' | 'dense';
type Tab = readonly { readonly text: string; readonly tone?: Tone; readonly bold?: boolean }[];

function tabOf({ noun }: AnyFeature, index: number, marks: State['marks'], room: TabRoom): Tab {
  const own = marks[noun];
  const mark = markOf(own);
  // Where room is short, that it is marked: how often stands on the pane.
  const short = room === 'wide' ? mark : mark.slice(0, 1);
  const digit = digitOf(index) ?? '';
  const isClose = room === 'dense' || digit === '';
  return [
    { text: ` ${digit}${isClose ? '' : ' '}${noun}`, tone: 'muted' },
    ...(mark === '' ? [] : [{ text: short, tone: markTone(own), bold: true }]),
    ...(room === 'wide' ? [{ text: ' ' }] : []),
  ];
}

function cellsOf(tab: Tab): number {
  return tab.reduce((sum, { text }) => sum + width(text), 0);
}

type StripProps = {
  readonly columns: number;
  readonly features: readonly AnyFeature[];
  readonly strip: readonly string[];
};

/** The panes that are not shown, with their digits and marks, as far as there is room. */
function Strip({ columns, features, strip }: StripProps): ReactNode {
  const marks = useStore((state) => state.marks);
  const empty = useStore(({ screen }) => screen.empty);
  const line: Span = { text: '─ ', tone: 'line' };
  const spans = features.flatMap(({ noun }, index): readonly Span[] => {
    if (!strip.includes(noun)) return [];
    const mark = markOf(marks[noun]);
    return [
      line,
      { text: `${digitOf(index) ?? ''} ${noun}`.trim(), tone: empty.includes(noun) ? 'muted' : 'text' },
      ...(mark === '' ? [] : [{ text: ` ${mark}`, tone: markTone(marks[noun]), bold: true }]),
      ' ',
    ];
  });
  const isEmpty = strip.every((noun) => empty.includes(noun));
  const word: Span = { text: isEmpty ? '─ nothing in ' : '─ hidden ', tone: 'line' };
  return <Row columns={columns} spans={[word, ...spans]} filler="─" fillerTone="line" />;
}

function TooSmall({ columns, rows }: { readonly columns: number; readonly rows: number }): ReactNode {
  const { columns: least, rows: lowest } = smallest;
  return (
    <Box width={columns} height={rows} overflow="hidden">
      <Row columns={columns} spans={[`${columns}x${rows}: needs ${least}x${lowest}`]} />
    </Box>
  );
}
