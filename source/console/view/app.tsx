import { Box } from 'ink';
import { type ComponentType, type ReactNode, useMemo } from 'react';
import type { CommandTable } from '../../commands/palette.ts';
import type { PaneProps } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { useStore } from '../../store/use-store.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { width } from '../../ui/text.ts';
import { digitOf } from '../input/keymap.ts';
import { Header } from './header.tsx';
import { layOut, smallest } from './layout.ts';
import { HelpView, OutputView, PaletteView, QuestionView } from './overlays.tsx';
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
  readonly readOnly: boolean;
  readonly table: () => CommandTable;
};

/** Gives each pane its columns and rows; paints nothing wider or taller than the screen. */
export function App({ loaded, readOnly, table }: AppProps): ReactNode {
  const columns = useStore(({ screen }) => screen.columns);
  const rows = useStore(({ screen }) => screen.rows);
  const focus = useStore(({ screen }) => screen.focus);
  const isZoomed = useStore(({ screen }) => screen.isZoomed);
  const mode = useStore(({ screen }) => screen.mode);
  const features = useMemo(() => loaded.map(({ feature }) => feature), [loaded]);
  const layout = useMemo(
    () => layOut({ columns, rows, panes: placed(features), focus, isZoomed }),
    [columns, rows, features, focus, isZoomed],
  );
  if (columns < smallest.columns || rows < smallest.rows) return <TooSmall columns={columns} rows={rows} />;
  return (
    <Box width={columns} height={rows} flexDirection="column" overflow="hidden">
      <Header columns={columns} readOnly={readOnly} />
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
              />
            </Box>
          )
        );
      })}
      {mode.name === 'help' && (
        <HelpView mode={mode} area={layout.area} features={features} focus={focus} table={table()} />
      )}
      {mode.name === 'output' && <OutputView mode={mode} area={layout.area} />}
      {mode.name === 'confirm' && <QuestionView mode={mode} area={layout.area} />}
      {mode.name === 'palette' && (
        <PaletteView mode={mode} area={layout.area} features={features} table={table()} />
      )}
      <Box position="absolute" left={0} top={rows - 1}>
        <StatusLine columns={columns} loaded={loaded} />
      </Box>
    </Box>
  );
}

export function placed(features: readonly AnyFeature[]): readonly { noun: string; breadth: number }[] {
  return features.map(({ noun, breadth = 1 }) => ({ noun, breadth }));
}

type TabsProps = {
  readonly columns: number;
  readonly features: readonly AnyFeature[];
  readonly focus: string;
};

/** The panes by name, as far as they fit around the focused one. */
function Tabs({ columns, features, focus }: TabsProps): ReactNode {
  const at = features.findIndex(({ noun }) => noun === focus);
  const roomy = labelsOf(features, ' ');
  // A space less between them lets all be seen on 80 columns.
  const labels =
    roomy.reduce((sum, label) => sum + width(label), 0) > columns ? labelsOf(features, '') : roomy;
  let first = 0;
  const cells = (from: number): number =>
    labels.slice(from, at + 1).reduce((sum, label) => sum + width(label), from > 0 ? 1 : 0);
  while (first < at && cells(first) > columns - 1) first += 1;
  const spans: Span[] = labels
    .slice(first)
    .map((text, index) =>
      index + first === at ? { text, inverse: true, bold: true } : { text, tone: 'dim' },
    );
  return <Row columns={columns} spans={[...(first > 0 ? ['…'] : []), ...spans]} />;
}

function labelsOf(features: TabsProps['features'], end: string): readonly string[] {
  return features.map(({ noun }, index) => ` ${digitOf(index) ?? ''} ${noun}${end}`.replace('  ', ' '));
}

function TooSmall({ columns, rows }: { readonly columns: number; readonly rows: number }): ReactNode {
  const { columns: least, rows: lowest } = smallest;
  return (
    <Box width={columns} height={rows} overflow="hidden">
      <Row columns={columns} spans={[`${columns}x${rows}: needs ${least}x${lowest}`]} />
    </Box>
  );
}
