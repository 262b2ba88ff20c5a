import * as v from 'valibot';
import { formatAge, formatCount } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs, wholeNumber } from '../../values.ts';
import { defineCommand, optionalFlag, switchFlag, word } from '../feature.ts';
import { as, assertRoom, mostListed, room, suggesting } from './known-rooms.ts';
import { isMalformed } from './message.ts';
import { line } from './message-output.ts';
import * as printed from './printed.ts';
import { beside, hereMs, lookHere, pin, unpin } from './room/pins.ts';
import { history } from './room/rooms.ts';
import { gaps, happenings, markdown, mostMessages } from './timeline.ts';

/** What lies beside a room: pins, who looks, and the timeline made of them. */

/** A message as somebody still has it whom Redis has shown it to. */
const copyOfMessage = v.pipe(
  v.string(),
  v.parseJson(undefined, 'Expected JSON such as {"at": 1795187586852, "sender": "ann", "message": "hi"}'),
  v.object({ at: v.pipe(v.number(), v.integer()), sender: v.string(), message: v.string() }),
);

const pinCommand = defineCommand({
  verb: 'pin',
  summary: 'keep a copy of a message at the top of the room, also when the message is removed',
  words: { room, id: word('ID', 'the message', wholeNumber()) },
  flags: {
    as,
    copy: optionalFlag(
      'JSON',
      'the message as it was, `{"at", "sender", "message"}`, where Redis has removed it',
      copyOfMessage,
    ),
    toggle: switchFlag('take it away where the same member has pinned it already'),
  },
  prints: printed.pinned,
  writes: true,
  async run({ redis, config }, input) {
    const { room: name, id, as: member = config.operator } = input;
    const isNew = await pin(redis, name, member, id, input.copy);
    const answer = (pinned: boolean, text: string) => ({ json: { room: name, id, pinned }, text });
    if (isNew) return answer(true, `Pinned ${id} in ${name}`);
    if (!input.toggle) return answer(true, `${id} is pinned in ${name} already`);
    const { pins } = await beside(redis, name, []);
    const by = pins.find(({ entry }) => entry.id === id)?.by;
    // What somebody else has just pinned was not what the key was pressed at.
    if (by !== member) {
      return answer(
        true,
        `${id} is pinned in ${name} already, by ${by === undefined ? 'somebody' : sanitise(by)}`,
      );
    }
    return answer(false, unpinnedText(name, id, await unpin(redis, name, member, id)));
  },
});

function unpinnedText(room: string, id: number, wasPinned: boolean): string {
  return wasPinned ? `${id} is no longer pinned in ${room}` : `${id} is not pinned in ${room}`;
}

const unpinCommand = defineCommand({
  verb: 'unpin',
  summary: 'take the copy of a message away from the top of the room',
  words: { room, id: word('ID', 'the message', wholeNumber()) },
  flags: { as },
  prints: printed.pinned,
  writes: true,
  async run({ redis, config }, input) {
    const wasPinned = await unpin(redis, input.room, input.as ?? config.operator, input.id);
    const text = unpinnedText(input.room, input.id, wasPinned);
    return { json: { room: input.room, id: input.id, pinned: false }, text };
  },
});

const pinsCommand = defineCommand({
  verb: 'pins',
  summary: 'print what is pinned in a room',
  words: { room },
  prints: printed.pins,
  writes: false,
  async run(context, input) {
    await assertRoom(context, input.room);
    const { pins, pinCount } = await beside(context.redis, input.room, []);
    if (pinCount > pins.length) context.warn(`Only ${pins.length} of ${pinCount} pins were read`);
    const readable = pins.flatMap(({ entry, by }) => {
      if (!isMalformed(entry)) return [{ ...entry, by: by ?? null }];
      context.warn(
        `Skipped the pin of message ${entry.id}, which is malformed: ${JSON.stringify(entry.malformed)}`,
      );
      return [];
    });
    const lines = readable.map(({ by, ...message }) => {
      return `${message.id}  ${line(message)}  (pinned by ${by === null ? 'somebody' : sanitise(by)})`;
    });
    return { json: readable, text: lines.length > 0 ? lines : `Nothing is pinned in ${input.room}` };
  },
});

const hereCommand = defineCommand({
  verb: 'here',
  summary: 'note that you look at the room, as a console does every 20 seconds',
  words: { room },
  flags: { as },
  prints: printed.here,
  writes: true,
  async run({ redis, config }, input) {
    const name = input.as ?? config.operator;
    const at = await lookHere(redis, input.room, name);
    return { json: { room: input.room, name, at }, text: `${name} looks at ${input.room}` };
  },
});

const whoCommand = defineCommand({
  verb: 'who',
  summary: 'who is in a room, and when each last looked at it in a console, as far as that is known',
  words: { room },
  prints: printed.who,
  writes: false,
  async run(context, input) {
    const found = await assertRoom(context, input.room, mostListed);
    const { looks, nowMs } = await beside(
      context.redis,
      input.room,
      found.members.map(({ name: member }) => member),
    );
    const members = found.members.map(({ name: member, unread, writesOnly }, index) => {
      return { name: member, unread, writesOnly, lookedAt: looks[index] ?? null };
    });
    const rows = members.map(({ name: member, unread, writesOnly, lookedAt }) => [
      member,
      lookedAt === null
        ? 'not known'
        : nowMs - lookedAt <= hereMs
          ? 'here'
          : `${formatAge(nowMs - lookedAt)} ago`,
      writesOnly ? 'writes only' : String(unread),
    ]);
    const more = found.memberCount - members.length;
    const rest = more > 0 ? [`and ${formatCount(more)} more`] : [];
    return {
      json: { room: input.room, memberCount: found.memberCount, members },
      text: [...textTable([['MEMBER', 'LOOKED', 'UNREAD'], ...rows], { right: [2] }), ...rest],
    };
  },
});

const timelineCommand = defineCommand({
  verb: 'timeline',
  summary:
    'what is known of an incident by its room, as Markdown: messages, pins and acts, and what is not known',
  words: { room },
  flags: {
    since: optionalFlag(
      'DURATION',
      'only what was said and done within so long; pins are all in it',
      durationMs,
    ),
  },
  emits: printed.happening,
  writes: false,
  examples: ['quarterdeck chat timeline ops --since 8h > incident.md'],
  async run(context, input) {
    const found = await assertRoom(context, input.room);
    const [entries, { pins }, audited] = await Promise.all([
      history(context.redis, input.room, 0, mostMessages),
      beside(context.redis, input.room, []),
      context.audited?.(),
    ]);
    const sinceMs = input.since === undefined ? undefined : Date.now() - input.since;
    const sources = { room: found, entries, pins, acts: audited?.acts ?? [], sinceMs };
    for (const text of audited?.unread ?? []) context.warn(text);
    if (!context.config.json) return { text: markdown(sources, audited !== undefined) };
    for (const text of gaps(sources, audited !== undefined)) context.warn(text);
    for (const one of happenings(sources)) await context.emit(one, one.text);
    return { text: '' };
  },
});

export const besideCommands = [
  suggesting(pinCommand),
  suggesting(unpinCommand),
  suggesting(pinsCommand),
  suggesting(whoCommand),
  suggesting(hereCommand),
  suggesting(timelineCommand),
] as const;
