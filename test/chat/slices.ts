import type { Entry } from '../../source/features/chat/message.ts';
import { type ChatSlice, initial, learn, type Member, type Room } from '../../source/features/chat/state.ts';

/** Slices for the tests of the pane and of what it follows. */

const startMs = Date.parse('2026-11-19T15:41:00Z');

export function say(id: number, sender: string, message: string, minutes = id): Entry {
  return { id, at: startMs + minutes * 60_000, sender, message };
}

export const conversation: readonly Entry[] = [
  say(1, 'oncall', 'shipping is waiting on consumer 2 again'),
  say(2, 'storage', 'on it, its disk was full'),
  say(
    3,
    'storage',
    'freed 40G, restarted consume --as 2; the volume had to be detached and mounted by hand',
    9,
  ),
  { id: 4, malformed: '{"id": 4' },
  say(5, 'deploy', 'ci-14 took deploy:web, fence 88213', 600),
  say(6, 'a-very-long-sender-name', 'evil \u001b[2J\u202e line\nforged: 15:00 root  hi\u0007', 601),
  say(7, 'support', '日本語テキスト and 😀 emoji', 602),
];

const rooms: readonly Room[] = [
  { room: 'deploys', channel: 'chat:deploys', memberCount: 2, lastId: 9, own: { seen: 6, unread: 3 } },
  { room: 'ops', channel: 'chat:ops', memberCount: 5, lastId: 7, own: { seen: 5, unread: 2 } },
  { room: 'random', channel: 'chat:random', memberCount: 9, lastId: 7, own: undefined },
];

const members: readonly Member[] = [
  { name: 'deploy', unread: 7, writesOnly: false },
  { name: 'oncall', unread: 2, writesOnly: false, isHere: true },
  { name: 'storage', unread: 0, writesOnly: false, isHere: false },
  { name: 'source', unread: 0, writesOnly: true },
];

/** The operator `oncall` in the room `ops`, with two messages not looked at. */
export const live: ChatSlice = learn(
  { ...initial('oncall'), selected: 'ops' },
  {
    all: { rooms, wrong: [] },
    open: {
      room: rooms.find(({ room }) => room === 'ops') ?? opsRoom(7),
      members,
      beside: {
        pins: [{ entry: say(5, 'deploy', 'ci-14 took deploy:web, fence 88213', 600), by: 'oncall' }],
        pinCount: 1,
        error: undefined,
      },
      entries: conversation,
      isPartial: false,
      after: 0,
    },
  },
);

/** The room `ops` with the operator in it. */
export function opsRoom(lastId: number, seen = 0): Room {
  return {
    room: 'ops',
    channel: 'chat:ops',
    memberCount: 2,
    lastId,
    own: { seen, unread: Math.max(0, lastId - seen) },
  };
}

/** A reading of nothing but the room `ops`. */
export function readOps(
  slice: ChatSlice,
  entries: readonly Entry[],
  lastId: number,
  { after = 0, seen = 0, isPartial = false } = {},
): ChatSlice {
  const room = opsRoom(lastId, seen);
  return learn(slice, {
    all: { rooms: [room], wrong: [] },
    open: { room, members: [], entries, isPartial, after },
  });
}

/** In one room, with so many messages `m1`, `m2`, … all looked at. */
export function withMessages(count: number): ChatSlice {
  const entries = Array.from({ length: count }, (_, index) => say(index + 1, 'ann', `m${index + 1}`, 0));
  return readOps({ ...initial('oncall'), selected: 'ops' }, entries, count, { seen: count });
}
