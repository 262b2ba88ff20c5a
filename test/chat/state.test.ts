import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import feature from '../../source/features/chat/index.ts';
import { viewHistory } from '../../source/features/chat/layout.ts';
import { calls } from '../../source/features/chat/mentions.ts';
import {
  type ChatSlice,
  chatList,
  hear,
  initial,
  learn,
  longestHistory,
  look,
  selectedHistory,
  selectedRoom,
  showUnseen,
  stepRoom,
  turnAway,
  unseenMentions,
} from '../../source/features/chat/state.ts';
import { looking } from '../helpers/list.ts';
import { live, opsRoom, readOps, say, withMessages } from './slices.ts';

const { move } = looking(chatList);

const ids = (slice: ChatSlice): number[] => selectedHistory(slice)?.entries.map(({ id }) => id) ?? [];
const read = readOps;
const empty: ChatSlice = { ...initial('oncall'), selected: 'ops' };

test('the slice survives JSON', () => {
  expect(JSON.parse(JSON.stringify(live))).toEqual(live);
});

test('shows a room the operator is in before any other', () => {
  const rooms = [
    { ...opsRoom(1), room: 'a', own: undefined },
    { ...opsRoom(1), room: 'b' },
  ];
  expect(learn(initial('oncall'), { all: { rooms, wrong: [] }, open: undefined }).selected).toBe('b');
});

describe('history', () => {
  test('whatever order readings and doorbells come in, every message is there once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5 })), { maxLength: 30 }),
        (steps) => {
          let slice = empty;
          let sent = 0;
          for (const [isHeard, count] of steps) {
            const before = sent;
            sent += count;
            const fresh = Array.from({ length: count }, (_, index) => say(before + index + 1, 'ann', 'x', 0));
            if (isHeard) {
              // A notification may get lost.
              for (const entry of fresh) if (entry.id % 4 !== 0) slice = hear(slice, 'chat:ops', entry);
            } else {
              const after = selectedHistory(slice)?.cursor ?? 0;
              const missing = Array.from({ length: sent - after }, (_, index) =>
                say(after + index + 1, 'ann', 'x', 0),
              );
              slice = read(slice, missing, sent, { after });
              expect(ids(slice)).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
            }
          }
          expect(ids(slice)).toEqual(ids(slice).toSorted((a, b) => a - b));
          expect(new Set(ids(slice)).size).toBe(ids(slice).length);
        },
      ),
    );
  });

  test('stays when Redis has removed the messages', () => {
    expect(ids(read(withMessages(5), [], 5, { after: 5, seen: 5 }))).toEqual([1, 2, 3, 4, 5]);
  });

  test('is bounded in messages and in the length of each', () => {
    let slice = withMessages(longestHistory);
    slice = hear(slice, 'chat:ops', say(longestHistory + 1, 'ann', 'x'.repeat(60_000), 0));
    expect(ids(slice)).toHaveLength(longestHistory);
    expect(ids(slice)[0]).toBe(2);
    expect(JSON.stringify(slice).length).toBeLessThan(100_000);
  });

  test('starts again when the room was deleted and made anew', () => {
    const again = read(withMessages(5), [], 2, { after: 5 });
    expect(ids(again)).toEqual([]);
    expect(ids(read(again, [say(1, 'eve', 'new', 0), say(2, 'eve', 'new', 0)], 2))).toEqual([1, 2]);
  });

  test('a late reading does not take away what was heard meanwhile', () => {
    const heard = hear(withMessages(5), 'chat:ops', say(6, 'ann', 'heard', 0));
    expect(ids(read(heard, [], 5, { after: 5, seen: 5 }))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a reading of a room that is no longer selected changes counts only', () => {
    const other = stepRoom(live, 1);
    const open = { members: [], entries: [], isPartial: false, after: 0 };
    expect(other.selected).toBe('random');
    const late = learn(other, { all: undefined, open: { ...open, room: { ...opsRoom(9), memberCount: 8 } } });
    expect(late.histories).toEqual(other.histories);
    expect(late.members).toEqual([]);
    expect(late.rooms.find(({ room }) => room === 'ops')).toMatchObject({ lastId: 9, memberCount: 8 });
  });
});

describe('what counts as looked at', () => {
  const unseen = (count: number): ChatSlice =>
    read(
      empty,
      Array.from({ length: count }, (_, index) => say(index + 1, 'ann', `m${index + 1}`, 0)),
      count,
    );

  test('only what was painted without leaving out an unseen one before it', () => {
    const slice = unseen(20);
    expect(look(slice, 11, 20)).toBe(slice);
    const top = look(slice, 1, 10);
    expect(selectedHistory(top)?.looked).toBe(10);
    expect(selectedHistory(look(top, 11, 20))?.looked).toBe(20);
  });

  test('never what was too old to be loaded', () => {
    const entries = Array.from({ length: longestHistory }, (_, index) => say(index + 101, 'ann', 'x', 0));
    const slice = read(empty, entries, 600, { isPartial: true });
    expect(look(slice, 101, 600)).toBe(slice);
    // Marking everything as seen, by the key or elsewhere, mends it.
    const marked = read(slice, [], 600, { after: 600, seen: 600 });
    expect(selectedHistory(marked)?.looked).toBe(600);
  });

  test('is sent to Redis once it is more than Redis knows, and only for members', () => {
    const tell = feature.attention?.tell;
    const slice = unseen(3);
    expect(tell?.(slice)).toBeUndefined();
    const looked = look(slice, 1, 3);
    expect(tell?.(looked)).toEqual({ verb: 'mark', input: { room: 'ops', id: 3, as: 'oncall' } });
    expect(tell?.(read(looked, [], 3, { after: 3, seen: 3 }))).toBeUndefined();
    const stranger = { ...looked, rooms: looked.rooms.map((known) => ({ ...known, own: undefined })) };
    expect(tell?.(stranger)).toBeUndefined();
  });

  test('what the pane shows at its size is what is seen', () => {
    const seen = (slice: ChatSlice, size: { columns: number; rows: number }): ChatSlice =>
      feature.attention?.seen(slice, slice, size) ?? slice;
    const slice = unseen(20);
    expect(seen(slice, { columns: 40, rows: 8 })).toBe(slice);
    const looked = seen(slice, { columns: 40, rows: 30 });
    expect(selectedHistory(looked)?.looked).toBe(20);
    let paged = showUnseen(slice);
    for (let page = 0; page < 20; page += 1) paged = move(seen(paged, { columns: 40, rows: 8 }), 3);
    expect(selectedHistory(paged)?.looked).toBe(20);
  });

  test('what came after the frame was painted is not seen', () => {
    const painted = unseen(3);
    const slice = hear(painted, 'chat:ops', say(4, 'ann', 'm4', 0));
    const looked = feature.attention?.seen(slice, painted, { columns: 40, rows: 30 }) ?? slice;
    expect(selectedHistory(looked)?.looked).toBe(3);
  });

  test('what comes after turning away is new, until the next time', () => {
    let slice = turnAway(withMessages(3));
    slice = hear(slice, 'chat:ops', say(4, 'ann', 'new', 0));
    expect(selectedHistory(slice)).toMatchObject({ looked: 3, turnedAway: 3 });
    slice = turnAway(look(slice, 1, 4));
    expect(selectedHistory(slice)).toMatchObject({ looked: 4, turnedAway: 4 });
  });

  test('looking again at what is known changes nothing, so nothing is painted', () => {
    const slice = withMessages(3);
    expect(look(slice, 1, 3)).toBe(slice);
    expect(turnAway(slice)).toBe(slice);
  });
});

describe('a message that calls somebody', () => {
  test.each([
    ['@ann look at db3', true],
    ['look, @ANN.', true],
    ['@here it burns', true],
    ['mail ann@here.example', false],
    ['@annette', false],
    ['@ann-2', false],
    ['ann', false],
    ['@', false],
  ])('%s: %s', (text, expected) => {
    expect(calls(text, 'ann')).toBe(expected);
  });

  test("is counted until it is seen, and not when it is one of one's own", () => {
    let slice = turnAway(withMessages(3));
    slice = hear(
      slice,
      'chat:ops',
      say(4, 'bob', `@${slice.operator} x`, 0),
      say(5, slice.operator, '@here', 0),
    );
    expect(unseenMentions(slice)).toBe(1);
    expect(feature.headline(slice)).toContain('@1');
    expect(unseenMentions(look(slice, 1, 5))).toBe(0);
  });
});

test('what one says oneself is not new, and moves no line', () => {
  let slice = turnAway(look(withMessages(3), 1, 3));
  slice = hear(slice, 'chat:ops', say(4, slice.operator, 'mine', 0));
  const text = () =>
    viewHistory(slice, 60, 20)
      .lines.map((line) => line.map((span) => (typeof span === 'string' ? span : span.text)).join(''))
      .join('\n');
  expect(text()).not.toContain('new since');
  slice = hear(slice, 'chat:ops', say(5, 'bob', 'theirs', 0), say(6, slice.operator, 'mine too', 0));
  expect(text()).toMatch(/mine\n.* 1 new since \d\d:\d\d .*\n.*theirs\n.*mine too/);
});

describe('unread counts', () => {
  test('rise with the notification, not by own messages', () => {
    const heard = hear(live, 'chat:deploys', say(10, 'ci', 'done'));
    expect(heard.rooms[0]).toMatchObject({ lastId: 10, own: { unread: 4 } });
    const own = hear(live, 'chat:deploys', say(10, 'oncall', 'thanks'));
    expect(own.rooms[0]).toMatchObject({ lastId: 10, own: { unread: 3 } });
    expect(hear(heard, 'chat:deploys', say(10, 'ci', 'done')).rooms[0]?.own?.unread).toBe(4);
  });

  test('fall as messages are looked at, before Redis knows', () => {
    const slice = look(live, 1, 6);
    expect(slice.rooms[1]).toMatchObject({ room: 'ops', own: { seen: 5, unread: 1 } });
    expect(look(slice, 1, 7).rooms[1]).toMatchObject({ own: { seen: 5, unread: 0 } });
  });

  test('the headline tells of the other rooms', () => {
    expect(feature.headline(live)).toBe('#ops  5 members  1 here  3 new elsewhere');
  });
});

describe('keys', () => {
  const press = (slice: ChatSlice, key: string): ChatSlice => {
    const binding = feature.keys.find((candidate) => [candidate.key].flat().includes(key));
    return binding?.change?.(slice, { columns: 76, rows: 22 }) ?? slice;
  };
  const refusal = (slice: ChatSlice, key: string): string | undefined =>
    feature.keys.find((candidate) => [candidate.key].flat().includes(key))?.refuse?.(slice);

  test('left and right go around the rooms', () => {
    expect(press(live, 'right').selected).toBe('random');
    expect(press(press(live, 'right'), 'right').selected).toBe('deploys');
    expect(press(press(live, 'left'), 'left').selected).toBe('random');
  });

  test('scrolling stops at both ends, and the end follows what comes', () => {
    const slice = withMessages(10);
    const top = move(slice, -100);
    expect(top.list.selected).toBe('1');
    expect(move(top, -1).list.selected).toBe('1');
    expect(move(top, 1).list.selected).toBe('2');
    expect(move(top, 100).list.selected).toBeUndefined();
    expect(move(move(slice, -1), 1).list.selected).toBeUndefined();
  });

  test('what cannot be done is refused with a reason', () => {
    const nowhere = initial('oncall');
    expect(refusal(nowhere, 'enter')).toMatch(/no room/i);
    expect(refusal(live, 'enter')).toBeUndefined();
    expect(refusal(press(live, 'right'), 'enter')).toMatch(/not in random/);
    expect(refusal(live, 'a')).toMatch(/already/);
    expect(refusal(press(live, 'right'), 'a')).toBeUndefined();
    expect(refusal(press(live, 'right'), 'x')).toMatch(/not in random/);
  });

  test('every binding that runs a command gives it what it takes', () => {
    for (const binding of feature.keys) {
      if (binding.verb === undefined) continue;
      const command = feature.commands.find(({ verb }) => verb === binding.verb);
      const given = Object.keys(binding.input?.(live, 'typed') ?? {});
      const taken = Object.keys({ ...command?.words, ...command?.flags });
      expect(taken).toEqual(expect.arrayContaining(given));
    }
    expect(selectedRoom(live)?.room).toBe('ops');
  });
});
