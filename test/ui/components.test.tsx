import { Box } from 'ink';
import { render } from 'ink-testing-library';
import { describe, expect, test } from 'vitest';
import { Frame } from '../../source/ui/frame.tsx';
import { gauge } from '../../source/ui/gauge.ts';
import { Prompt } from '../../source/ui/prompt.tsx';
import { Row } from '../../source/ui/row.tsx';
import { sparkline } from '../../source/ui/sparkline.ts';
import { type Column, layTable, Table } from '../../source/ui/table.tsx';
import { setAppearance } from '../../source/ui/theme/style.ts';

const painted = (element: React.ReactElement): string =>
  render(<Box width={60}>{element}</Box>).lastFrame() ?? '';

test('gauge is never empty with something in it, never full before it is', () => {
  expect(
    [0, 0.001, 0.5, 0.999, 1, 7, Number.NaN].map((fraction) =>
      gauge(fraction, 4)
        .map(({ text }) => text)
        .join(''),
    ),
  ).toEqual(['░░░░', '▇░░░', '▇▇░░', '▇▇▇░', '▇▇▇▇', '▇▇▇▇', '░░░░']);
});

test('sparkline shows the newest values and never paints something as nothing', () => {
  expect(sparkline([0, 1, 4, 8], 4)).toBe('▁▂▅█');
  expect(sparkline([1, 1000], 6)).toBe('    ▂█');
  expect(sparkline([5, 6, 7, 8], 2)).toBe('██');
  expect(sparkline([], 3)).toBe('   ');
  expect(sparkline([0, 0], 2)).toBe('▁▁');
});

test('a row cuts the left and keeps the right', () => {
  expect(painted(<Row columns={20} spans={['left side ', 'is too long']} right={['  9.9s']} />)).toBe(
    'left side is …  9.9s',
  );
  expect(painted(<Row columns={12} spans={['a\u001B[31mb']} right={['|']} />)).toBe('a␛[31mb    |');
});

test('a frame carries its title and note in the border, heavy when focused', () => {
  const frame = (focused: boolean) => (
    <Frame
      title={[{ text: '1 chat', bold: true }, '  #ops']}
      note={{ text: 'live' }}
      columns={30}
      rows={4}
      focused={focused}
    >
      <Row columns={26} spans={['hello']} />
    </Frame>
  );
  expect(painted(frame(true))).toMatchInlineSnapshot(`
    "┏━ 1 chat  #ops ━━━━━━ live ━┓
    ┃ hello                      ┃
    ┃                            ┃
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛"
  `);
  expect(painted(frame(false))).toMatchInlineSnapshot(`
    "╭─ 1 chat  #ops ────── live ─╮
    │ hello                      │
    │                            │
    ╰────────────────────────────╯"
  `);
});

describe('table', () => {
  type Lock = { name: string; heldMs: string; queue: number };
  const columns: Column<Lock>[] = [
    { heading: 'name', isName: true, grow: true, cell: (lock) => lock.name },
    { heading: 'held', align: 'right', cell: (lock) => lock.heldMs },
    {
      heading: 'queue',
      field: 'queue',
      align: 'right',
      width: 6,
      drop: 1,
      cell: (lock) => String(lock.queue),
    },
  ];
  const items: Lock[] = [
    { name: 'deploy:web', heldMs: '5m41s', queue: 2 },
    { name: '日本語\u001B[2J', heldMs: '0.2s', queue: 0 },
    { name: 'a name that is longer than its column', heldMs: '49m', queue: 1 },
  ];
  const table = (width: number, { rows = items, isRuled = false, isOrdered = false } = {}) => (
    <Table
      columns={columns}
      {...layTable(columns, rows, width)}
      rows={rows.map((item, index) => ({ item, isChosen: index === 1, isMarked: index === 2 }))}
      width={width}
      isRuled={isRuled}
      order={isOrdered ? { field: 'queue', isDescending: true } : undefined}
    />
  );

  test('one line a row, wide characters aligned, the chosen and the marked ones distinguished', () => {
    expect(painted(table(34))).toMatchInlineSnapshot(`
      "  name                 held  queue
        deploy:web          5m41s      2
      > 日本語␛[2J           0.2s      0
       *a name that is lon…   49m      1"
    `);
  });

  test('with a rule under the heading, and the order in it', () => {
    expect(painted(table(40, { isRuled: true, isOrdered: true }))).toMatchInlineSnapshot(`
      "  name                       held queue▼
      ────────────────────────────────────────
        deploy:web                5m41s      2
      > 日本語␛[2J                 0.2s      0
       *a name that is longer th…   49m      1"
    `);
  });

  test('too narrow: drops columns, then shrinks', () => {
    expect(painted(table(16))).toMatchInlineSnapshot(`
      "  name      held
        deploy:… 5m41s
      > 日本語␛…  0.2s
       *a name …   49m"
    `);
  });

  test('choosing a row changes the looks of its name alone', () => {
    setAppearance({ styling: 'colour' });
    const bar: Column<Lock> = { heading: 'bar', cell: () => ({ text: '▇▇░', tone: 'bad' }) };
    const all = [...columns, bar];
    const rows = items.slice(0, 1).map((item) => ({ item, isChosen: true, isMarked: false }));
    const frame = painted(
      <Table
        columns={all}
        {...layTable(all, items, 60)}
        rows={rows}
        width={60}
        isRuled={false}
        order={undefined}
      />,
    );
    setAppearance({ styling: 'plain' });
    expect(frame).toContain('\u001B[4mdeploy:web');
    expect(frame).toContain('\u001B[31m\u001B[1m▇▇░');
    expect(frame).not.toContain('\u001B[7m');
  });

  test('rows that change while mounted are painted anew', () => {
    const { rerender, lastFrame } = render(table(32, { rows: items.slice(0, 1) }));
    rerender(table(32, { rows: items.slice(0, 2).toReversed() }));
    expect(
      lastFrame()
        ?.split('\n')
        .map((line) => line.slice(2, 6).trim()),
    ).toEqual(['name', '日本語␛', 'depl']);
  });
});

test('a prompt scrolls with its cursor', () => {
  const line = { text: 'look at the limit pane, subject key:7f3', cursor: 39 };
  expect(painted(<Prompt label="oncall ›" line={line} columns={30} />)).toMatchInlineSnapshot(
    `"oncall › ane, subject key:7f3▏"`,
  );
  expect(
    painted(<Prompt label="oncall ›" line={{ ...line, cursor: 0 }} columns={30} />),
  ).toMatchInlineSnapshot(`"oncall › look at the limit pan"`);
  expect(
    painted(<Prompt label="oncall ›" line={undefined} placeholder="press i to write" columns={30} />),
  ).toMatchInlineSnapshot(`"oncall › press i to write"`);
});
