import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { Box, renderToString } from 'ink';
import type { ComponentType } from 'react';
import { expect } from 'vitest';
import type { Feature, PaneProps } from '../../source/features/feature.ts';
import type { Listed } from '../../source/ui/list.ts';
import { nothingLines } from '../../source/ui/nothing.ts';
import { NothingContext } from '../../source/ui/nothing-context.ts';
import { width } from '../../source/ui/text.ts';

/** The sizes every pane is snapshotted at. */
export const paneSizes = [
  [40, 10],
  [80, 24],
  [120, 40],
] as const;

/** What the frame says in its corner, for the four states every pane is snapshotted in. */
export const paneNotes = {
  waiting: { text: 'waiting', tone: 'muted' },
  live: { text: 'live', tone: 'muted' },
  stale: { text: 'stale 12s, retry in 4s', tone: 'warn' },
  failed: { text: 'failed', tone: 'bad' },
} as const;

export type PaneLook<Slice extends Listed> = {
  readonly feature: Feature<Slice>;
  readonly pane: ComponentType<PaneProps<Slice>>;
  readonly slice: Slice;
  readonly columns: number;
  readonly rows: number;
  readonly note?: (typeof paneNotes)[keyof typeof paneNotes];
  readonly focused?: boolean;
  readonly zoomed?: boolean;
  /** What the console's clock says; as the slices of the tests have it. */
  readonly nowMs?: number;
  readonly typing?: PaneProps<Slice>['typing'];
};

/** A pane in its frame as plain text; checks that it fills its cells exactly and lets no control character through. */
export function paintPane<Slice extends Listed>(look: PaneLook<Slice>): string {
  show(look);
  return paint(look);
}

const { PANES_FILE: shownFile, PANES_SIZE: shownSize = '' } = process.env;
const seen = new Set<string>();

/** For `npm run panes`: each state of each test once, at the size that was asked for. */
function show<Slice extends Listed>(look: PaneLook<Slice>): void {
  if (shownFile === undefined) return;
  const [columns = 0, rows = 0] = shownSize.split('x').map(Number);
  const frame = paint({ ...look, columns, rows });
  const name = expect
    .getState()
    .currentTestName?.replaceAll(/\b\d+x\d+( > )?/g, '')
    .trim();
  if (seen.has(frame)) return;
  seen.add(frame);
  appendFileSync(shownFile, `${name}\n${frame}\n\n`);
}

function paint<Slice extends Listed>(look: PaneLook<Slice>): string {
  const {
    feature,
    pane: Pane,
    slice,
    columns,
    rows,
    note = paneNotes.live,
    focused = true,
    zoomed = false,
    nowMs = 10_000_000,
    typing,
  } = look;
  const place = '127.0.0.1:6379, database 0';
  const said = feature.nothing
    ? nothingLines(feature.nothing, { place, since: '15:53:07', others: feature.discovery?.what })
    : [];
  const frame = renderToString(
    <Box width={columns} height={rows}>
      <NothingContext value={said}>
        <Pane
          slice={slice}
          frame={{
            title: [{ text: `1 ${feature.noun}`, bold: true }, `  ${feature.headline(slice)}`],
            note: note === paneNotes.live ? undefined : note,
            columns,
            rows,
            focused,
            bare: false,
          }}
          columns={columns - 4}
          rows={rows - 2}
          focused={focused}
          zoomed={zoomed}
          nowMs={nowMs}
          typing={typing}
        />
      </NothingContext>
    </Box>,
    { columns },
  );
  const lines = frame.split('\n');
  expect(lines).toHaveLength(rows);
  expect(lines.map((line) => width(line))).toEqual(lines.map(() => columns));
  expect(frame).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  return frame;
}
