import { unreadable } from '../../need.ts';
import { registryKey } from '../../redis/registry.ts';
import { formatCount } from '../../ui/format.ts';
import { defineFeature } from '../feature.ts';
import { commands, roomJson } from './commands.ts';
import { doctor } from './doctor.ts';
import { feed } from './feed.ts';
import { keys } from './key-bindings.ts';
import { historyRows, layOut, viewHistory } from './layout.ts';
import { roles } from './roles.ts';
import { inspect, knownRooms } from './room/rooms.ts';
import {
  type ChatSlice,
  callsOf,
  chatList,
  initial,
  look,
  selectedHistory,
  selectedRoom,
  showRoom,
  turnAway,
  unseenMentions,
} from './state.ts';

export default defineFeature<ChatSlice>({
  noun: 'chat',
  summary: 'rooms where people and processes talk, and nobody misses a message',
  initial: ({ operator }) => initial(operator),
  feed,
  commands,
  roles,
  keys,
  list: chatList,
  places: { all: ({ rooms }) => rooms.map(({ room }) => ({ place: room, ties: [room] })), show: showRoom },
  names: { ROOM: ({ rooms }) => rooms.map(({ room }) => room) },
  headline(slice) {
    const { rooms, totals } = slice;
    const room = selectedRoom(slice);
    if (!room) return '';
    const mentions = unseenMentions(slice);
    const unread = totals?.unread ?? rooms.reduce((sum, { own }) => sum + (own?.unread ?? 0), 0);
    const elsewhere = Math.max(0, unread - (room.own?.unread ?? 0));
    const shown = totals ? [`${formatCount(rooms.length)} of ${formatCount(totals.rooms)} rooms`] : [];
    const here = slice.members.filter(({ isHere }) => isHere).length;
    const members = `${room.memberCount} ${room.memberCount === 1 ? 'member' : 'members'}`;
    return [
      `#${room.room}`,
      ...(mentions > 0 ? [`@${mentions}`] : []),
      members,
      ...(here > 0 ? [`${here} here`] : []),
      ...shown,
      ...(elsewhere > 0 ? [`${elsewhere} new elsewhere`] : []),
    ].join('  ');
  },
  isEmpty: ({ rooms, wrong }) => rooms.length === 0 && wrong.length === 0,
  needs: ({ wrong }) => wrong.map(unreadable),
  calls: callsOf,
  attention: {
    seen(slice, painted, { columns, rows }) {
      const { shown } = viewHistory(painted, layOut(columns).history, historyRows(rows));
      return shown && painted.selected === slice.selected ? look(slice, shown.firstId, shown.lastId) : slice;
    },
    away: turnAway,
    tell(slice) {
      const own = selectedRoom(slice)?.own;
      const looked = selectedHistory(slice)?.looked ?? 0;
      if (!own || looked <= own.seen) return;
      return { verb: 'mark', input: { room: slice.selected, id: looked, as: slice.operator } };
    },
    beat(slice) {
      if (!selectedRoom(slice)?.own) return;
      return { verb: 'here', input: { room: slice.selected, as: slice.operator } };
    },
  },
  doctor,
  async snapshot({ redis, warn }) {
    const known = await knownRooms(redis);
    const { rooms, wrong, cuts } = await inspect(redis, known.rooms.toSorted());
    for (const text of [...known.cuts, ...cuts, ...wrong.map(({ message }) => message)]) warn?.(text);
    return rooms.map(roomJson);
  },
  nothing: {
    words: 'No room that Quarterdeck knows of',
    looked: [registryKey('chat')],
    first: 'quarterdeck chat create ROOM --members NAME',
  },
  discovery: {
    what: 'rooms that other programs made',
    load: async () => (await import('./discovery.ts')).discovery,
  },
  pane: async () => (await import('./chat-pane.tsx')).ChatPane,
});
