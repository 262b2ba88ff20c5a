import { arrange } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { frameIn } from './frames.ts';
import { completions, lineCommand, pinInput, pinVerb, quoteOf, textOf } from './line-commands.ts';
import { isMalformed } from './message.ts';
import { type ChatSlice, chatList, chosenEntry, selectedRoom, showUnseen, stepRoom } from './state.ts';

const writing: NonNullable<KeyBinding<ChatSlice>['ask']> = {
  label: ({ operator }) => `${operator} ›`,
  sticky: true,
  isMultiline: true,
  command: lineCommand,
  complete: completions,
};

function sentInput(slice: ChatSlice, typed: string): Record<string, unknown> {
  return {
    room: slice.selected,
    text: [textOf(slice, typed)],
    as: slice.operator,
    wait: 2000,
    // Everybody else may see it, and so remove it, before the notification reaches this console.
    unseen: true,
  };
}

export const keys: readonly KeyBinding<ChatSlice>[] = [
  {
    key: ['enter', 'i'],
    help: 'write to the room: Tab completes @name; /who, /pin and others are commands',
    verb: 'send',
    refuse: notAMember,
    ask: writing,
    input: sentInput,
  },
  {
    key: 'R',
    help: 'answer: the chosen message, with its number and half a line of it',
    verb: 'send',
    refuse: (slice) => notAMember(slice) ?? noMessage(slice),
    ask: { ...writing, initial: quoteOf },
    input: sentInput,
  },
  {
    key: 'P',
    help: 'pin: the chosen message, at the top of the room; once more takes it away',
    verb: 'pin',
    verbNow: pinVerb,
    refuse: (slice) => notAMember(slice) ?? noMessage(slice),
    input: (slice) => {
      const id = chosenEntry(slice)?.id ?? 0;
      return pinVerb(slice) === 'pin'
        ? // The pane may not show yet what was pinned a moment ago: the server knows.
          { ...pinInput(slice, id), toggle: true }
        : { room: slice.selected, id, as: slice.operator };
    },
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

function noMessage(slice: ChatSlice): string | undefined {
  const entry = chosenEntry(slice);
  if (!entry) return 'There is no message';
  if (isMalformed(entry)) return `Message ${entry.id} is malformed`;
}

function notAMember(slice: ChatSlice): string | undefined {
  const room = selectedRoom(slice);
  if (!room) return 'There is no room: c makes one';
  if (!room.own) return `You are not in ${room.room}: a joins it`;
}
