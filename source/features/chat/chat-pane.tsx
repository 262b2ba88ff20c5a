import { Box } from 'ink';
import type { ReactNode } from 'react';
import { windowStart } from '../../ui/columns.ts';
import { Prompt } from '../../ui/prompt.tsx';
import { Row, type Span } from '../../ui/row.tsx';
import type { PaneProps } from '../feature.ts';
import { layOut, viewHistory } from './layout.ts';
import { type ChatSlice, type Member, type Room, selectedRoom } from './state.ts';

/** Rooms, history, members, and the prompt below; the outer two only where there is width for them. */
export function ChatPane({ slice, columns, rows, typing }: PaneProps<ChatSlice>): ReactNode {
  const layout = layOut(columns);
  const body = rows > 1 ? rows - 1 : rows;
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Box height={body}>
        {layout.rooms > 0 && <Rooms slice={slice} columns={layout.rooms} rows={body} />}
        <History slice={slice} columns={layout.history} rows={body} />
        {layout.members > 0 && <Members members={slice.members} columns={layout.members} rows={body} />}
      </Box>
      {rows > 1 && (
        <Prompt label={`${slice.operator} ›`} line={typing} placeholder={hint(slice)} columns={columns} />
      )}
    </Box>
  );
}

function hint(slice: ChatSlice): string {
  const room = selectedRoom(slice);
  if (!room) return 'c makes a room';
  return room.own ? `Enter writes to ${room.room}` : `a joins ${room.room}`;
}

function Rooms({ slice, columns, rows }: { slice: ChatSlice; columns: number; rows: number }): ReactNode {
  const selected = slice.rooms.findIndex(({ room }) => room === slice.selected);
  const start = windowStart(slice.rooms.length, rows, Math.max(0, selected));
  return (
    <Column columns={columns} end>
      {slice.rooms.slice(start, start + rows).map((room) => (
        <Row
          key={room.room}
          columns={columns}
          inverse={room.room === slice.selected}
          spans={[room.room === slice.selected ? '› ' : '  ', room.room]}
          right={unread(room)}
        />
      ))}
    </Column>
  );
}

function unread({ own }: Room): readonly Span[] {
  if (!own) return [{ text: ' not in', tone: 'dim' }];
  return own.unread > 0 ? [{ text: ` ${own.unread} new`, tone: 'warn' }] : [];
}

function History({ slice, columns, rows }: { slice: ChatSlice; columns: number; rows: number }): ReactNode {
  const { lines, below } = viewHistory(slice, columns, rows);
  const note = `▼ ${below} newer, End shows them`;
  const painted = below > 0 ? [...lines.slice(1), [{ text: note, tone: 'warn' as const }]] : lines;
  const empty = slice.rooms.length === 0 ? 'No rooms yet' : 'No messages yet';
  return (
    <Column columns={columns}>
      {painted.length === 0 && <Row columns={columns} spans={[{ text: empty, tone: 'dim' }]} />}
      {painted.map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Row key={index} columns={columns} spans={spans} />
      ))}
    </Column>
  );
}

function Members({
  members,
  columns,
  rows,
}: {
  members: readonly Member[];
  columns: number;
  rows: number;
}): ReactNode {
  return (
    <Column columns={columns} start>
      {members.slice(0, rows).map(({ name, unread, writesOnly }) => (
        <Row
          key={name}
          columns={columns}
          spans={[name]}
          right={[
            writesOnly
              ? ' writes'
              : unread === 0
                ? { text: ' seen', tone: 'good' }
                : { text: ` ${unread} unread`, tone: 'warn' },
          ]}
        />
      ))}
    </Column>
  );
}

type ColumnProps = { columns: number; start?: boolean; end?: boolean; children: ReactNode };

function Column({ columns, start = false, end = false, children }: ColumnProps): ReactNode {
  return (
    <Box
      flexDirection="column"
      width={columns}
      flexShrink={0}
      marginLeft={start ? 2 : 0}
      marginRight={end ? 2 : 0}
      overflow="hidden"
    >
      {children}
    </Box>
  );
}
