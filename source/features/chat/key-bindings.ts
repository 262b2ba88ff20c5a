import { arrange } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { frameIn } from './frames.ts';
import { isMalformed } from './message.ts';
import { type ChatSlice, chatList, selectedRoom, showUnseen, stepRoom } from './state.ts';

export const keys: readonly KeyBinding<ChatSlice>[] = [
  {
    key: ['enter', 'i'],
    help: 'write to the room',
    verb: 'send',
    refuse: notAMember,
    ask: { label: ({ operator }) => `${operator} ›`, sticky: true, isMultiline: true },
    // A lone `-` would ask for stdin.
    input: (slice, typed) => ({
      room: slice.selected,
      text: [typed === '-' ? '- ' : typed],
      as: slice.operator,
      wait: 2000,
      // Everybody else may see it, and so remove it, before the notification reaches this console.
      unseen: true,
    }),
  },
  { key: ['right', 'l', ']'], help: 'next room', change: (slice) => stepRoom(slice, 1) },
  { key: ['left', 'h', '['], help: 'previous room', change: (slice) => stepRoom(slice, -1) },
  { key: 'u', help: 'first unseen message', change: showUnseen },
  {
    key: 'm',
    help: 'seen: mark everything so',
    verb: 'mark',
    refuse: notAMember,
    input: (slice) => ({ room: slice.selected, id: selectedRoom(slice)?.lastId, as: slice.operator }),
  },
  {
    key: 'f',
    help: 'open the frame: that the newest message up to the chosen one shares',
    verb: 'frame',
    shows: true,
    refuse: (slice) =>
      sharedFrame(slice) === undefined ? 'No message here shares a frame; S shares this one' : undefined,
    input: (slice) => ({ room: slice.selected, frame: sharedFrame(slice) }),
  },
  {
    key: 'a',
    help: 'join the room',
    verb: 'join',
    refuse(slice) {
      const room = selectedRoom(slice);
      if (!room) return 'There is no room to join: c makes one';
      return room.own && `You are in ${room.room} already`;
    },
    input: (slice) => ({ room: slice.selected, as: slice.operator }),
  },
  {
    key: 'x',
    help: 'leave the room',
    verb: 'leave',
    refuse: notAMember,
    input: (slice) => ({ room: slice.selected, as: slice.operator }),
  },
  {
    key: 'c',
    help: 'make a room',
    verb: 'create',
    ask: { label: () => 'Name of the room ›' },
    input: ({ operator }, typed) => ({ room: typed === '' ? undefined : typed, members: [operator] }),
  },
];

function sharedFrame(slice: ChatSlice): string | undefined {
  const { rows, index } = arrange(chatList, slice, 0);
  return rows
    .slice(0, index + 1)
    .map((entry) => (isMalformed(entry) ? undefined : frameIn(entry.message)))
    .findLast((frame) => frame !== undefined);
}

function notAMember(slice: ChatSlice): string | undefined {
  const room = selectedRoom(slice);
  if (!room) return 'There is no room: c makes one';
  if (!room.own) return `You are not in ${room.room}: a joins it`;
}
