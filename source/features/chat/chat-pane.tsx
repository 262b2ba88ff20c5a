import { Box } from 'ink';
import { type ReactNode, use } from 'react';
import { windowStart } from '../../ui/columns.ts';
import { type Arrangement, arrange } from '../../ui/list.ts';
import { filterText } from '../../ui/list-pane.tsx';
import { wrapSentences } from '../../ui/nothing.ts';
import { NothingContext } from '../../ui/nothing-context.ts';
import { PaneFrame } from '../../ui/pane-frame.tsx';
import { Prompt } from '../../ui/prompt.tsx';
import { Row, type Span } from '../../ui/row.tsx';
import type { PaneProps } from '../feature.ts';
import { memberCondition } from './condition.ts';
import { historyRows, layOut, type View, viewHistory } from './layout.ts';
import type { Entry } from './message.ts';
import { type ChatSlice, chatList, type Member, type Room, selectedHistory, selectedRoom } from './state.ts';

/** Rooms, history, members, and the prompt below; the outer two only where there is width for them. */
export function ChatPane({ slice, frame, columns, rows, typing }: PaneProps<ChatSlice>): ReactNode {
  const arranged = arrange(chatList, slice, 0);
  const { shown } = viewHistory(slice, layOut(columns).history, historyRows(rows));
  // Without a room there is nothing to put beside what is said of that.
  const layout = slice.rooms.length > 0 ? layOut(columns) : { rooms: 0, history: columns, members: 0 };
  const body = historyRows(rows);
  return (
    <PaneFrame frame={frame} filter={filterText(slice.list, arranged)} position={positionOf(arranged, shown)}>
      <Box flexDirection="column" width={columns} height={rows}>
        <Box height={body}>
          {layout.rooms > 0 && <Rooms slice={slice} columns={layout.rooms} rows={body} />}
          <History slice={slice} columns={layout.history} rows={body} />
          {layout.members > 0 && <Members slice={slice} columns={layout.members} rows={body} />}
        </Box>
        {rows > 1 && (
          <Prompt label={`${slice.operator} ›`} line={typing} placeholder={hint(slice)} columns={columns} />
        )}
      </Box>
    </PaneFrame>
  );
}

/** `newest`, or which messages of how many. */
function positionOf({ rows, index }: Arrangement<Entry>, shown: View['shown']): string | undefined {
  if (!shown) return;
  if (index === rows.length - 1) return 'newest';
  const first = rows.findIndex(({ id }) => id === shown.firstId) + 1;
  return `${first}-${index + 1} of ${rows.length}`;
}

function hint(slice: ChatSlice): string {
  const room = selectedRoom(slice);
  if (!slice.hasLearned) return '';
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
          spans={
            room.room === slice.selected
              ? [
                  { text: '> ', tone: 'mark' },
                  { text: room.room, tone: 'selection' },
                ]
              : ['  ', room.room]
          }
          right={unread(room)}
        />
      ))}
    </Column>
  );
}

function unread({ own }: Room): readonly Span[] {
  if (!own) return [{ text: ' not in', tone: 'muted' }];
  return own.unread > 0 ? [{ text: ` ${own.unread} new`, tone: 'mark' }] : [];
}

function History({ slice, columns, rows }: { slice: ChatSlice; columns: number; rows: number }): ReactNode {
  const { lines } = viewHistory(slice, columns, rows);
  return (
    <Column columns={columns}>
      {lines.length === 0 && <Nothing slice={slice} columns={columns} rows={rows} />}
      {lines.map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Row key={index} columns={columns} spans={spans} />
      ))}
    </Column>
  );
}

type NothingProps = { readonly slice: ChatSlice; readonly columns: number; readonly rows: number };

function Nothing({ slice, columns, rows }: NothingProps): ReactNode {
  const nothing = use(NothingContext);
  return wrapSentences(emptiness(slice) ?? nothing, { columns, rows }).map((text, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
    <Row key={index} columns={columns} spans={[{ text, tone: 'muted' }]} />
  ));
}

function emptiness(slice: ChatSlice): readonly string[] | undefined {
  const { hasLearned, rooms, list } = slice;
  if (!hasLearned) return ['Looking for rooms'];
  if (rooms.length === 0) return;
  const isLoaded = selectedHistory(slice) !== undefined;
  if (isLoaded && list.filter !== '') return [`Nothing matches ${list.filter}; Esc shows all`];
  return [isLoaded ? 'No messages yet' : 'Looking for messages'];
}

function Members({ slice, columns, rows }: { slice: ChatSlice; columns: number; rows: number }): ReactNode {
  const all = selectedRoom(slice)?.memberCount ?? 0;
  const shown = slice.members.slice(0, all > rows ? rows - 1 : rows);
  return (
    <Column columns={columns} start>
      {shown.map((member) => (
        <Row
          key={member.name}
          columns={columns}
          spans={[member.name]}
          right={[presence(member), state(member)]}
        />
      ))}
      {all > shown.length && shown.length > 0 && (
        <Row columns={columns} spans={[{ text: `and ${all - shown.length} more`, tone: 'muted' }]} />
      )}
    </Column>
  );
}

/** `here`: within the last minute. Of those whose console noted nothing it is not known. */
function presence({ isHere }: Member): Span {
  if (isHere) return { text: ' here', tone: 'text' };
  return { text: isHere === undefined ? ' ?' : '', tone: 'muted' };
}

function state(member: Member): Span {
  const condition = memberCondition(member);
  return condition === 'unread'
    ? { text: ` ${member.unread} ${condition}`, tone: 'mark' }
    : { text: ` ${condition}`, tone: 'muted' };
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
