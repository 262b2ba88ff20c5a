import * as v from 'valibot';
import { messageOf } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import { rideOut } from '../../redis/refusals.ts';
import { formatAge, formatBytes, formatCount } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs, name, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  list,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  word,
} from '../feature.ts';
import { besideCommands } from './beside-commands.ts';
import { memberCondition } from './condition.ts';
import { FrameUnreadableError, openFrame, parseFrame, share } from './frames.ts';
import { leaveGuard } from './guards.ts';
import { as, mostListed, room, suggesting } from './known-rooms.ts';
import type { Entry } from './message.ts';
import { line, readable, stamp } from './message-output.ts';
import * as printed from './printed.ts';
import { ack, create, join, leave, pending } from './room/chat.ts';
import { adopt, discover, inspect, knownRooms, type RoomFigures } from './room/rooms.ts';
import { send } from './room/send.ts';
import { follow } from './room/tail.ts';

const names = v.pipe(
  v.string(),
  v.transform((text) => text.split(',').filter((part) => part !== '')),
  v.minLength(1, 'Expected names such as ann,bob'),
  v.everyItem((member) => v.is(name, member), 'Expected names of at most 512 bytes'),
);

const createCommand = defineCommand({
  verb: 'create',
  summary: 'make a room, or add members to one; without ROOM it gets a number',
  words: { room: optionalWord('ROOM', 'what to call it', name) },
  flags: {
    members: word('a,b,c', 'who is in it', names),
    writers: optionalFlag('d,e', 'who only writes to it: no message waits for them', names),
  },
  prints: printed.made,
  writes: true,
  examples: [
    'quarterdeck chat create ops --members ann,bob',
    'quarterdeck chat create alarms --members oncall --writers monitor,backup',
  ],
  async run(context, input) {
    const { redis, config } = context;
    const made = await create(redis, input.room, input.members, { writers: input.writers ?? [] });
    const { members, count } = await whoIsIn(context, made, config.json);
    return { json: { room: made, members }, text: `Room ${made} has ${people(members, count)}` };
  },
});

const joinCommand = defineCommand({
  verb: 'join',
  summary: 'become a member; what was sent before stays unseen by you',
  words: { room },
  flags: { as, writesOnly: switchFlag('never read: no message waits for you') },
  prints: printed.membership,
  writes: true,
  async run(context, input) {
    const { redis, config } = context;
    const member = input.as ?? config.operator;
    await join(redis, input.room, member, { writesOnly: input.writesOnly });
    // Whoever does not ask for it is not given the whole list.
    const { members } = config.json ? await whoIsIn(context, input.room, true) : { members: [] };
    return { json: { room: input.room, name: member, members }, text: `${member} is in ${input.room}` };
  },
});

const leaveCommand = defineCommand({
  verb: 'leave',
  summary: 'stop being a member; the last one takes the room away',
  words: { room },
  flags: { as },
  prints: printed.membership,
  writes: true,
  guard: leaveGuard,
  async run(context, input) {
    const { redis, config } = context;
    const member = input.as ?? config.operator;
    const left = await leave(redis, input.room, member);
    const { members, count } = await whoIsIn(context, input.room, left > 0 && config.json);
    const text = count === 0 ? '; the room is gone' : `; still in it: ${people(members, count)}`;
    return { json: { room: input.room, name: member, members }, text: `${member} left ${input.room}${text}` };
  },
});

const sendCommand = defineCommand({
  verb: 'send',
  summary: 'send a message to everyone in a room',
  words: { room, text: list('TEXT', 'the message; `-`: each line of stdin', v.string(), { min: 1 }) },
  flags: {
    as,
    wait: flagOr(
      'DURATION',
      'how long to wait while a sender that follows Redis in Action holds its lock',
      durationMs,
      '10s',
    ),
    unseen: switchFlag('it stays unseen by yourself too, until you read it'),
  },
  prints: printed.sent,
  emits: printed.sent,
  writes: true,
  examples: [
    'quarterdeck chat send ops disk full on db3 --as monitor',
    'tail -F errors | quarterdeck chat send ops -',
  ],
  async run(context, input) {
    const { redis, config, signal } = context;
    const member = input.as ?? config.operator;
    const options = { signal, waitMs: input.wait, unseen: input.unseen, ...riding(context) };
    let isSending = true;
    context.unconfirmed(() => (isSending ? `1 message to ${input.room}` : undefined));
    if (input.text.length === 1 && input.text[0] === '-') {
      isSending = false;
      for await (const line of context.stdin()) {
        isSending = true;
        const sent = await send(redis, input.room, member, line, options);
        isSending = false;
        await context.emit({ room: input.room, ...sent }, `${input.room} ${sent.id}`);
      }
      return { text: '' };
    }
    const sent = await send(redis, input.room, member, input.text.join(' '), options);
    isSending = false;
    return { json: { room: input.room, ...sent }, text: `Sent ${sent.id} to ${input.room}` };
  },
});

const readCommand = defineCommand({
  verb: 'read',
  summary: 'print what you have not seen yet, and mark it as seen',
  words: { room },
  flags: { as, peek: switchFlag('leave it unseen') },
  prints: printed.messages,
  writes: true,
  onlyReads: ({ peek }) => peek,
  async run(context, input) {
    const { redis, config } = context;
    const member = input.as ?? config.operator;
    const entries: Entry[] = [];
    const allowance = new Allowance(mostOfAll);
    for (;;) {
      const page = await pending(redis, input.room, member, { after: entries.at(-1)?.id });
      if (page.entries.length === 0) break;
      if (allowance.isSpent) {
        const next = input.peek ? 'mark those as seen and read again' : 'read again';
        context.warn(
          `Only messages up to ${entries.at(-1)?.id} were read (${formatBytes(mostOfAll)}, cut): ${next} for what follows`,
        );
        break;
      }
      for (const entry of page.entries) {
        entries.push(entry);
        allowance.take(Object.values(entry));
      }
    }
    const last = entries.at(-1);
    const messages = readable(context, entries);
    return {
      json: messages,
      text: messages.map(line),
      // Only what was really handed over counts as seen.
      async printed() {
        const { signal } = context;
        if (!last || input.peek) return;
        await rideOut(() => ack(redis, input.room, member, last.id), { signal, timeoutMs: config.timeoutMs });
      },
    };
  },
});

const tailCommand = defineCommand({
  verb: 'tail',
  summary: 'print what you have not seen, then every message as it is sent',
  words: { room },
  flags: { as },
  emits: printed.message,
  writes: true,
  async run(context, input) {
    const { redis, config, signal } = context;
    const member = input.as ?? config.operator;
    const options = { signal, ...riding(context) };
    for await (const entries of follow(redis, () => context.listen(), input.room, member, options)) {
      for (const message of readable(context, entries)) await context.emit(message, line(message));
    }
    return { text: '' };
  },
});

const markCommand = defineCommand({
  verb: 'mark',
  summary: 'mark everything up to a message as seen, such as after `read --peek`',
  words: { room, id: word('ID', 'the message', wholeNumber()) },
  flags: { as },
  prints: printed.seen,
  writes: true,
  async run({ redis, config }, input) {
    const member = input.as ?? config.operator;
    const seen = await ack(redis, input.room, member, input.id);
    return {
      json: { room: input.room, name: member, seen },
      text: `${member} has seen ${input.room} up to ${seen}`,
    };
  },
});

const shareCommand = defineCommand({
  verb: 'share',
  summary: 'send a message with a frame that opens again for 7 days; the frame comes from stdin',
  words: { room, text: list('TEXT', 'what there is to see', v.string(), { min: 1 }) },
  flags: {
    as,
    frame: optionalFlag('JSON', 'the frame, instead of stdin', v.string()),
  },
  prints: printed.shared,
  writes: true,
  examples: ['quarterdeck snapshot --pane topic --format json | quarterdeck chat share ops audit is dead'],
  async run(context, input) {
    const { redis, config, signal } = context;
    const frame = parseFrame(input.frame ?? (await allOf(context.stdin())), 'What was given');
    const member = input.as ?? config.operator;
    const sent = await share(redis, input.room, member, { text: input.text.join(' '), frame }, { signal });
    return {
      json: { room: input.room, ...sent },
      text: `Sent ${sent.id} to ${input.room}, with frame ${sent.frame}`,
    };
  },
});

const frameCommand = defineCommand({
  verb: 'frame',
  summary: 'show a frame that somebody shared, as it was',
  words: { room, frame: word('FRAME', 'as the message names it, such as 7f3a09bc', v.string()) },
  prints: printed.frame,
  writes: false,
  async run({ redis }, input) {
    const frame = await openFrame(redis, input.room, input.frame);
    const head = `as of ${stamp(frame.at)}, ${formatAge(Date.now() - frame.at)} ago, ${frame.server}`;
    return { json: { room: input.room, frame: input.frame, ...frame }, text: [head, ...frame.lines] };
  },
});

/** More than any frame has. */
const longestInput = 4 * 1024 * 1024;

async function allOf(lines: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const line of lines) {
    text += line;
    if (text.length > longestInput) throw new FrameUnreadableError('What was given', 'it is too long');
  }
  return text;
}

const listCommand = defineCommand({
  verb: 'list',
  summary: 'rooms, who is in them, and what each has not seen',
  flags: { discover: switchFlag('look through all keys for rooms that others made') },
  prints: printed.rooms,
  writes: false,
  async run(context, input) {
    const { redis, config, signal } = context;
    const found = input.discover ? await discover(redis, signal) : [];
    if (!config.readOnly) await adopt(redis, found);
    const listed = await knownRooms(redis);
    const names = new Set([...listed.rooms, ...found]);
    // The table names some of many members; JSON has them all.
    const limit = config.json ? {} : { limit: mostListed };
    const { rooms, wrong, cuts } = await inspect(redis, [...names].toSorted(), limit);
    for (const text of [...listed.cuts, ...cuts, ...wrong.map(({ message }) => message)]) context.warn(text);
    return { json: rooms.map(roomJson), text: roomTable(rooms) };
  },
});

export const commands = [
  createCommand,
  suggesting(joinCommand),
  suggesting(leaveCommand),
  suggesting(sendCommand),
  suggesting(readCommand),
  suggesting(tailCommand),
  suggesting(markCommand),
  suggesting(shareCommand),
  suggesting(frameCommand),
  ...besideCommands,
  listCommand,
] as const;

/** A room as `chat list --json` and the snapshot tell of it. */
export function roomJson({ room, memberCount, members, messages, lastId }: RoomFigures) {
  return {
    room,
    members: members.map((member) => {
      const { name, seen, unread } = member;
      return { name, seen, unread, condition: memberCondition(member) };
    }),
    // Only where those above are not all.
    ...(members.length < memberCount && { memberCount }),
    messages,
    lastId,
  };
}

/** One room a line. */
function roomTable(rooms: readonly RoomFigures[]): Text {
  if (rooms.length === 0) return 'No rooms';
  const rows = rooms.map(({ room, memberCount, members, messages, lastId }) => {
    const who = members.map(({ name, unread }) => (unread === 0 ? name : `${name} (${unread} unread)`));
    const more = memberCount - members.length;
    const names = who.join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '');
    return [room, String(messages), String(lastId), names];
  });
  return textTable([['ROOM', 'STORED', 'LAST', 'MEMBERS'], ...rows], { right: [1, 2] });
}

/** Goes on through what the server refuses for a while, and reports it once. */
function riding({ config, warn }: CommandContext) {
  return {
    timeoutMs: config.timeoutMs,
    onRefused: (refusal: unknown): void => warn(`${messageOf(refusal)}: waiting`),
  };
}

/** Everybody where they are asked for, as far as that is bearable; else some, and how many there are. */
async function whoIsIn(
  { redis, warn }: CommandContext,
  room: string,
  isAll: boolean,
): Promise<{ readonly members: readonly string[]; readonly count: number }> {
  const { rooms, wrong, cuts } = await inspect(redis, [room], isAll ? {} : { limit: mostNamed });
  if (wrong[0]) throw wrong[0];
  for (const cut of cuts) warn(cut);
  const [found] = rooms;
  return { members: found?.members.map(({ name }) => name) ?? [], count: found?.memberCount ?? 0 };
}

function people(members: readonly string[], count: number): string {
  if (count === 1) return String(members[0]);
  const named = members.slice(0, mostNamed);
  const more = count - named.length;
  if (more > 0) return `${named.join(', ')} and ${formatCount(more)} more`;
  return `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
}

/** In a sentence; JSON has them all. */
const mostNamed = 20;
