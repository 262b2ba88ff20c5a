import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { CommandTable } from '../../commands/palette.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { Mode, View } from '../../store/store.ts';
import { useStore } from '../../store/use-store.ts';
import { windowStart } from '../../ui/columns.ts';
import { Frame } from '../../ui/frame.tsx';
import { frameCells } from '../../ui/frame-cells.ts';
import type { Listed } from '../../ui/list.ts';
import { Prompt } from '../../ui/prompt.tsx';
import { Row, type Span } from '../../ui/row.tsx';
import { padEnd, sanitise, truncate, width, wrap } from '../../ui/text.ts';
import { columnRows } from '../input/columns-control.ts';
import { digitOf } from '../input/keymap.ts';
import { helpLines } from './help-lines.ts';
import type { Rectangle } from './layout.ts';
import { panesOf } from './views.ts';

type ModeOf<Name extends Mode['name']> = Extract<Mode, { name: Name }>;
type Area = { readonly area: Rectangle };

/** Every key and every command, made from their tables. */
export function HelpView({
  mode,
  area,
  features,
  focus,
  table,
}: Area & {
  readonly mode: ModeOf<'help'>;
  readonly features: readonly AnyFeature[];
  readonly focus: string;
  readonly table: CommandTable;
}): ReactNode {
  const columns = Math.max(0, area.columns - frameCells.columns);
  const lines = helpLines({ features, focus, table, columns });
  return <Scrolled area={area} title="help" lines={lines} scroll={mode.scroll} />;
}

/** What a command of the palette printed. */
export function OutputView({ mode, area }: Area & { readonly mode: ModeOf<'output'> }): ReactNode {
  const at = mode.found?.at;
  const lines = mode.lines.map((line, index) => (index === at ? [{ text: line, inverse: true }] : line));
  return <Scrolled area={area} title={mode.title} lines={lines} scroll={mode.scroll} />;
}

type ScrolledProps = Area & {
  readonly title: string;
  readonly lines: readonly (string | readonly Span[])[];
  readonly scroll: number | undefined;
};

function Scrolled({ area, title, lines, scroll }: ScrolledProps): ReactNode {
  const columns = Math.max(0, area.columns - frameCells.columns);
  const rows = Math.max(0, area.rows - frameCells.rows);
  const last = Math.max(0, lines.length - rows);
  const start = Math.min(scroll ?? last, last);
  const end = Math.min(lines.length, start + rows);
  const note = last === 0 ? undefined : { text: `${start + 1}-${end} of ${lines.length}` };
  return (
    <Box position="absolute" left={area.left} top={area.top}>
      <Frame
        title={[{ text: title, tone: 'strong' }]}
        note={note}
        columns={area.columns}
        rows={area.rows}
        focused
      >
        {Array.from({ length: rows }, (_, index) => {
          const line = lines[start + index] ?? '';
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
          return <Row key={index} columns={columns} spans={typeof line === 'string' ? [line] : line} />;
        })}
      </Frame>
    </Box>
  );
}

/** What is about to be taken away and what follows, whole, with how to answer below it. */
export function QuestionView({ mode, area }: Area & { readonly mode: ModeOf<'confirm'> }): ReactNode {
  const { asked, word, act, line } = mode;
  const columns = Math.max(0, area.columns - frameCells.columns);
  const most = Math.max(1, area.rows - frameCells.rows - 1);
  const lines = wrap(sanitise(asked.question), columns);
  const kept = lines.length <= most ? lines : [...lines.slice(0, most - 1), `${lines[most - 1]}…`];
  const rows = kept.length + 1 + frameCells.rows;
  return (
    <Box position="absolute" left={area.left} top={area.top + area.rows - rows}>
      <Frame title={[{ text: act.path, tone: 'strong' }]} columns={area.columns} rows={rows} focused>
        {kept.map((text, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
          <Row key={index} columns={columns} spans={[text]} />
        ))}
        {word === undefined ? (
          <Row
            columns={columns}
            spans={[{ text: 'y: yes   n: no   Esc: no   p: dry run', tone: 'strong' }]}
          />
        ) : (
          <Prompt label={typedLabel(word, columns)} line={line} columns={columns} />
        )}
      </Frame>
    </Box>
  );
}

/** The dry run is named where there is room for it beside what is typed; the hints name it as well. */
function typedLabel(word: string, columns: number): string {
  const label = `Type ${sanitise(word)} for yes, Esc for no`;
  const whole = `${label}, Ctrl+P for a dry run:`;
  return width(whole) + width(sanitise(word)) + 2 <= columns ? whole : `${label}:`;
}

/** The views by name, with the panes they have. */
export function ViewsView({
  mode,
  area,
  views,
}: Area & { readonly mode: ModeOf<'views'>; readonly views: readonly View[] }): ReactNode {
  const current = useStore(({ screen }) => screen.view.name);
  const columns = Math.max(0, area.columns - frameCells.columns);
  const count = Math.max(1, Math.min(views.length, area.rows - frameCells.rows));
  const choice = Math.min(mode.choice, views.length - 1);
  const start = windowStart(views.length, count, choice);
  const longest = Math.max(0, ...views.map(({ name }) => width(sanitise(name))));
  return (
    <Box position="absolute" left={area.left} top={area.top}>
      <Frame
        title={[{ text: 'views', tone: 'strong' }]}
        position={count < views.length ? `${choice + 1} of ${views.length}` : undefined}
        columns={area.columns}
        rows={count + frameCells.rows}
        focused
      >
        {views.slice(start, start + count).map(({ name, arrangement }, index) => (
          <Row
            key={name}
            columns={columns}
            spans={[
              { text: start + index === choice ? '> ' : '  ', bold: true },
              { text: padEnd(sanitise(name), longest), bold: start + index === choice },
              `  ${name === current ? '●' : ' '} `,
              { text: panesOf(arrangement).join(' ') || 'every pane with something in it', tone: 'muted' },
            ]}
          />
        ))}
      </Frame>
    </Box>
  );
}

/** The named connections: which is in use, which are production, which begin without the right to write, and where. */
export function ContextsView({ mode, area }: Area & { readonly mode: ModeOf<'contexts'> }): ReactNode {
  const { choices, choice } = mode;
  const columns = Math.max(0, area.columns - frameCells.columns);
  const count = Math.max(1, Math.min(choices.length, area.rows - frameCells.rows));
  const start = windowStart(choices.length, count, choice);
  const longest = Math.max(0, ...choices.map(({ name }) => width(sanitise(name))));
  const hasProduction = choices.some(({ production }) => production);
  const hasReadOnly = choices.some(({ isReadOnly }) => isReadOnly);
  return (
    <Box position="absolute" left={area.left} top={area.top}>
      <Frame
        title={[{ text: 'contexts', tone: 'strong' }]}
        position={count < choices.length ? `${choice + 1} of ${choices.length}` : undefined}
        columns={area.columns}
        rows={count + frameCells.rows}
        focused
      >
        {choices
          .slice(start, start + count)
          .map(({ name, urls, production, isReadOnly, isCurrent }, index) => {
            const isChosen = start + index === choice;
            return (
              <Row
                key={name}
                columns={columns}
                spans={[
                  { text: isChosen ? '> ' : '  ', tone: 'mark' },
                  { text: padEnd(sanitise(name), longest), tone: isChosen ? 'selection' : 'text' },
                  `  ${isCurrent ? '●' : ' '} `,
                  ...(hasProduction
                    ? [{ text: (production ? 'PRODUCTION' : '').padEnd(12), bold: true }]
                    : []),
                  ...(hasReadOnly ? [(isReadOnly ? 'read-only' : '').padEnd(11)] : []),
                  { text: sanitise(urls.join(' ')), tone: 'muted' },
                ]}
              />
            );
          })}
      </Frame>
    </Box>
  );
}

/** The columns of a pane's table: those that are shown, in their order, then the others. Headings stay in view. */
export function ColumnsView({
  mode,
  area,
  features,
}: Area & { readonly mode: ModeOf<'columns'>; readonly features: readonly AnyFeature[] }): ReactNode {
  const feature = features.find(({ noun }) => noun === mode.noun);
  const rows = useStore((state) => {
    const slice = state.slices[mode.noun];
    return feature ? columnText(feature.list, slice as Listed) : '';
  }).split('\n');
  const width = Math.min(area.columns, columnsViewCells);
  const columns = Math.max(0, width - frameCells.columns);
  const count = Math.max(1, Math.min(rows.length, area.rows - frameCells.rows));
  const chosen = Math.max(
    0,
    rows.findIndex((row) => row.slice(shownMark.length) === mode.selected),
  );
  const start = windowStart(rows.length, count, chosen);
  return (
    <Box position="absolute" left={area.left} top={area.top + area.rows - count - frameCells.rows}>
      <Frame
        title={[{ text: 'columns', tone: 'strong' }, `  of ${mode.noun}`]}
        position={count < rows.length ? `${chosen + 1} of ${rows.length}` : undefined}
        columns={width}
        rows={count + frameCells.rows}
        focused
      >
        {rows.slice(start, start + count).map((row, index) => (
          <Row
            key={row}
            columns={columns}
            spans={[
              { text: start + index === chosen ? '> ' : '  ', tone: 'mark' },
              { text: row, tone: start + index === chosen ? 'selection' : 'text' },
            ]}
          />
        ))}
      </Frame>
    </Box>
  );
}

const columnsViewCells = 40;
const shownMark = '[x] ';

/** As text, which the store compares by itself. */
function columnText(list: AnyFeature['list'], slice: Listed): string {
  return columnRows(list, slice)
    .map(({ name, isShown }) => `${isShown ? shownMark : '[ ] '}${name}`)
    .join('\n');
}

/** What has to do with a row: where it is, what it is called, and what they have in common. */
export function RelatedView({
  mode,
  area,
  features,
}: Area & { readonly mode: ModeOf<'related'>; readonly features: readonly AnyFeature[] }): ReactNode {
  const { things, of, choice } = mode;
  const columns = Math.max(0, area.columns - frameCells.columns);
  const count = Math.max(1, Math.min(things.length, area.rows - frameCells.rows));
  const start = windowStart(things.length, count, choice);
  const shown = things.slice(start, start + count);
  const widest = Math.max(0, ...shown.map(({ name }) => width(sanitise(name))));
  const named = Math.max(8, Math.min(widest, Math.floor(columns / 2)));
  const nouns = features.map(({ noun }) => noun);
  const longest = Math.max(...nouns.map((noun) => noun.length));
  return (
    <Box position="absolute" left={area.left} top={area.top}>
      <Frame
        title={[{ text: 'related', tone: 'strong' }, `  to ${of}`]}
        position={count < things.length ? `${choice + 1} of ${things.length}` : undefined}
        columns={area.columns}
        rows={count + frameCells.rows}
        focused
      >
        {shown.map(({ noun, name, by, row }, index) => {
          const isChosen = start + index === choice;
          const digit = digitOf(nouns.indexOf(noun)) ?? ' ';
          return (
            <Row
              key={`${noun} ${row ?? ''} ${name}`}
              columns={columns}
              spans={[
                { text: isChosen ? '> ' : '  ', tone: 'mark' },
                { text: `${digit} ${noun.padEnd(longest)}  `, tone: 'muted' },
                {
                  text: padEnd(truncate(sanitise(name), named), named),
                  tone: isChosen ? 'selection' : 'text',
                },
                { text: by === name ? '' : `  ${by}`, tone: 'muted' },
              ]}
            />
          );
        })}
      </Frame>
    </Box>
  );
}

function titleOf({ isHistory, isFinder }: { isHistory: boolean; isFinder: boolean }): string {
  if (isFinder) return 'keys and commands';
  return isHistory ? 'lines of before' : 'command';
}

/** What could come next in the command line, above it. */
export function PaletteView({ mode, area }: Area & { readonly mode: ModeOf<'palette'> }): ReactNode {
  const { offers, isHistory, isFinder = false, usage } = mode;
  const most = Math.max(1, Math.min(isFinder ? area.rows : 10, area.rows - frameCells.rows));
  const count = Math.min(offers.length, most);
  if (count === 0 && usage === undefined && !isFinder) return null;
  const nothing = isFinder && count === 0 ? ['No key and no command is called or does so'] : [];
  const columns = Math.max(0, area.columns - frameCells.columns);
  const choice = Math.min(mode.choice, offers.length - 1);
  const start = windowStart(offers.length, count, choice);
  const longest = Math.min(columns, Math.max(0, ...offers.map(({ word }) => width(sanitise(word)))));
  const rows = count + nothing.length + frameCells.rows;
  const note = count < offers.length ? { text: `${choice + 1} of ${offers.length}` } : undefined;
  return (
    <Box position="absolute" left={area.left} top={area.top + area.rows - rows}>
      <Frame
        title={[{ text: usage ?? titleOf({ isHistory, isFinder }), tone: 'strong' }]}
        note={note}
        columns={area.columns}
        rows={rows}
        focused
      >
        {nothing.map((text) => (
          <Row key={text} columns={columns} spans={[{ text, tone: 'muted' }]} />
        ))}
        {offers.slice(start, start + count).map(({ word, summary }, index) => (
          <Row
            key={`${word} ${summary}`}
            columns={columns}
            spans={[
              { text: start + index === choice ? '> ' : '  ', tone: 'mark' },
              {
                text: padEnd(sanitise(word), longest),
                tone: start + index === choice ? 'selection' : 'text',
              },
              { text: `  ${summary}`, tone: 'muted' },
            ]}
          />
        ))}
      </Frame>
    </Box>
  );
}
