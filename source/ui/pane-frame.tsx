import type { ReactNode } from 'react';
import { Frame } from './frame.tsx';
import type { Span, Tone } from './row.tsx';

/** What the console tells a pane of its frame; the pane adds how its list stands. */
export type PaneFrameInfo = {
  /** Such as `6 lock !1  4 held  3 waiting`. */
  readonly title: readonly Span[];
  /** How old what is shown is, where that has to be said. */
  readonly note?: { readonly text: string; readonly tone?: Tone } | undefined;
  /** What went wrong. */
  readonly error?: string | undefined;
  readonly columns: number;
  readonly rows: number;
  readonly focused: boolean;
  /** Only the title line, for screens with no room for sides and a bottom. */
  readonly bare: boolean;
};

export type PaneFrameProps = {
  readonly frame: PaneFrameInfo;
  /** The filter in force and how many it lets through: `/aud 3 of 26`. */
  readonly filter?: string | undefined;
  readonly marked?: number;
  /** Where in the list we are: `1-10 of 26`. */
  readonly position?: string | undefined;
  /** How the list is ordered, and what else there is to say of it. */
  readonly order?: string | undefined;
  readonly children?: ReactNode;
};

/** The frame of a pane: marks and filter above; position, order and errors below. */
export function PaneFrame({
  frame,
  filter,
  marked = 0,
  position,
  order,
  children,
}: PaneFrameProps): ReactNode {
  const { title, note, error, columns, rows, focused, bare } = frame;
  const above: Span[] = [
    ...title,
    ...(filter === undefined ? [] : [{ text: `  ${filter}`, bold: true } as const]),
    ...(marked === 0 ? [] : [{ text: `  ${marked} marked`, bold: true } as const]),
  ];
  return (
    <Frame
      title={above}
      note={note}
      error={error}
      position={position}
      order={order}
      columns={columns}
      rows={rows}
      focused={focused}
      bare={bare}
    >
      {children}
    </Frame>
  );
}
